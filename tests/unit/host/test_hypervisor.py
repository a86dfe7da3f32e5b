"""What a program on the host comes to is told, also where it was ended before its time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import CommandError
from harness.host.hypervisor import Hypervisor
from harness.site.profile import Site

SAID = {"status": -9, "stdout": "y\n" * 32_000, "stderr": "", "timed_out": False, "truncated": False}


def host(**answer: object) -> Hypervisor:
    """A host whose custodian answers so to every script."""
    hypervisor = Hypervisor(Site(name="x"))
    custodian: Any = SimpleNamespace(ask=lambda *_, **__: {**SAID, **answer})
    hypervisor._custodian = custodian
    return hypervisor


def test_a_program_that_said_too_much_is_told_with_its_beginning() -> None:
    with pytest.raises(CommandError, match=r"said over 32 MiB, and was ended: sh -c yes") as caught:
        host(truncated=True).script("yes", timeout_s=1)
    assert len(str(caught.value)) < 2000


def test_a_program_that_took_too_long_is_told_with_its_end() -> None:
    with pytest.raises(CommandError, match=r"took over 1 s: sh -c 'sleep 9'"):
        host(timed_out=True, stdout="half").script("sleep 9", timeout_s=1)
