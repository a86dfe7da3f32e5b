"""How a VM came to be, by its own kernel: one that was restored has run for longer than the VM has lived."""

from __future__ import annotations

import time
from dataclasses import dataclass

from harness.errors import UnreadableError
from harness.guest.look import BOOT_ID
from harness.text import beginning
from harness.values import decimal, name
from harness.vm.machine import Vm

_ASK = f"cat {BOOT_ID} && cat /proc/uptime"
_ASK_S = 60.0


@dataclass(frozen=True)
class Birth:
    """What the guest says of its kernel, and what we know of the VM."""

    boot_id: str
    uptime_s: float
    """How long its kernel had run."""
    age_s: float
    """How long the VM had lived, by our clock, when the guest had answered: so it is no less than it was."""

    @property
    def booted(self) -> bool:
        """Whether the kernel started in this VM."""
        return self.uptime_s <= self.age_s


def ask_birth(vm: Vm) -> Birth:
    """Ask a guest, in one round trip.

    :raises TransportError: it did not tell.
    """
    done = vm.script(_ASK, timeout_s=_ASK_S)
    age_s = time.monotonic() - vm.restored_at
    return read_birth(done.stdout if done.status == 0 else done.stderr, age_s, whose=vm.name)


def read_birth(text: str, age_s: float, *, whose: str) -> Birth:
    """A boot id and what /proc/uptime holds, which are three words.

    :raises UnreadableError: they are not.
    """
    told = text.split()
    if len(told) != 3:
        raise UnreadableError(f"{whose}: no boot id and uptime: {beginning(text, 200)!r}")
    return Birth(name(told[0], whose="a boot id"), decimal(told[1], whose=f"{whose}: /proc/uptime"), age_s)
