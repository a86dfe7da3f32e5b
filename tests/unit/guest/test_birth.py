"""How a VM came to be: told by its kernel's age, and never by what it prints."""

from __future__ import annotations

import pytest

from harness.errors import UnreadableError
from harness.guest.birth import read_birth


@pytest.mark.parametrize(
    ("uptime", "booted"), [("61.02", False), ("20.01", False), ("20.00", True), ("3", True)]
)
def test_a_kernel_that_is_no_older_than_its_vm_booted_in_it(uptime: str, booted: bool) -> None:
    assert read_birth(f"6b03852d-0631\n{uptime} 99.00\n", 20.0, whose="x").booted is booted


@pytest.mark.parametrize(
    "text", ["", "cat: /proc/uptime: No such file", "6b03852d\n", "6b03852d\n-1 2\n", "a\nb c\n"]
)
def test_a_guest_that_does_not_tell_is_our_trouble(text: str) -> None:
    with pytest.raises(UnreadableError, match="x: "):
        read_birth(text, 20.0, whose="x")
