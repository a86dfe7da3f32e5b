"""What a VM tells of itself, and what two of them share."""

from __future__ import annotations

import pytest

from harness.errors import TransportError
from harness.vm.identity import Identity, read_identity, shared

TOLD = """kernel AAAA
mac 02:00:00:00:00:01
machine-id 0123
host-key ssh-ed25519 KEY
kernel BBBB
"""


def test_what_a_vm_tells_is_read() -> None:
    assert read_identity(TOLD, "", whose="vm") == Identity(
        kernel=("AAAA", "BBBB"),
        macs=("02:00:00:00:00:01",),
        machine_id="0123",
        host_keys=("ssh-ed25519 KEY",),
    )


def test_what_a_vm_has_not_hides_nothing_else() -> None:
    found = read_identity("kernel A\nkernel B\n", "", whose="vm")
    assert (found.kernel, found.macs, found.machine_id, found.host_keys) == (("A", "B"), (), "", ())


def test_a_vm_that_draws_nothing_is_trouble() -> None:
    """Told with what it complained of."""
    with pytest.raises(TransportError, match=r"vm: no random bytes from the guest: sh: not found"):
        read_identity("kernel A\n", "sh: not found\n", whose="vm")


def test_whoever_has_what_another_one_has_shares_it() -> None:
    pairs = [("a", "1"), ("a", "2"), ("b", "2"), ("c", "3")]
    assert shared(pairs) == ["a", "b"]
    assert shared([("a", "1"), ("a", "1")]) == ["a"]
    assert shared([("a", "1"), ("b", "2")]) == []
