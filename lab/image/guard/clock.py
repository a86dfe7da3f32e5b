"""The clock, and how a restore is noticed by it.

A restored guest's own clock goes on from the snapshot's instant, and it has no RTC that would know better.
Two sources do, and the first one there is gets used: ``/dev/ptp0`` (KVM's, or VMClock), or the time that MMDS
gives. With the latter a restore is noticed by another ``generation`` in MMDS.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Protocol

from . import mmds

JUMP_S = 0.1
"""A source that far ahead of the system clock means that the guest stood still."""


IMPATIENT_S = 0.1
"""A question that was under way when the snapshot was taken is never answered: the service of a clone knows
nothing of it. So long each clone would wait for that, and then ask anew."""


class Source(Protocol):
    """Somebody outside of the guest who knows the time."""

    name: str
    poll_s: float
    """Between two looks."""

    def learn(self) -> None:
        """Compare with the system clock, which is right when a guest is parked."""

    def jumped(self) -> bool:
        """Whether the guest was stopped since ``learn``."""

    def now(self) -> float:
        """The time, never ahead of the real one."""

    def settle(self) -> None:
        """Set the clock as exactly as the source allows; may take a second."""


def find() -> Source:
    """The best source of this guest."""
    if Ptp.path.exists():
        return Ptp()
    return Mmds()


def advance_to(moment: float) -> None:
    """Set the system clock, but never back: time must not run backwards for what is thawed next."""
    if moment > time.time():
        time.clock_settime(time.CLOCK_REALTIME, moment)


class Ptp:
    """The host's clock, to the microsecond, where KVM offers it."""

    name = "ptp0"
    poll_s = 0.001
    path = Path("/dev/ptp0")

    def __init__(self) -> None:
        # A clock's id is made of an open file, see clock_gettime(2), "Dynamic clocks".
        self._id = (~os.open(self.path, os.O_RDONLY) << 3) | 3
        self._lag = 0.0

    def learn(self) -> None:
        self._lag = time.time() - time.clock_gettime(self._id)

    def jumped(self) -> bool:
        shown = time.clock_gettime(self._id)
        return shown + self._lag > time.time() + JUMP_S

    def now(self) -> float:
        return time.clock_gettime(self._id) + self._lag

    def settle(self) -> None:
        advance_to(self.now())


class Mmds:
    """What the launcher writes into MMDS: the only way for a guest with no clock device at all."""

    name = "mmds"
    poll_s = 0.02

    def __init__(self) -> None:
        self._generation: object = None
        self._patience_s = IMPATIENT_S
        self._told, self._told_at = 0.0, 0.0

    def learn(self) -> None:
        found = mmds.identity()
        if found is None:
            raise RuntimeError("no /dev/ptp0 and no MMDS: a restore could never be noticed")
        self._generation = found.get("generation")

    def jumped(self) -> bool:
        found = mmds.identity(self._patience_s)
        if found is None:  # a busy host needs longer, and is given longer
            self._patience_s = min(2 * self._patience_s, mmds.TIMEOUT_S)
            return False
        self._patience_s = IMPATIENT_S
        if found.get("generation") == self._generation:
            return False
        self._told, self._told_at = float(found.get("time", 0)), time.monotonic()
        return True

    def now(self) -> float:
        return self._told + time.monotonic() - self._told_at

    def settle(self) -> None:
        """MMDS knows no better time than it told before."""
