"""The clock, and how a restore is noticed by it.

A restored guest's own clock goes on from the snapshot's instant. Three sources know better, and the first one
there is gets used: the RTC (it shows the host's time), ``/dev/ptp0`` (KVM's), or the time that MMDS gives.
With the latter a restore is noticed by another ``generation`` in MMDS.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Protocol

from . import mmds

JUMP_S = 0.1
"""A source that far ahead of the system clock means that the guest stood still."""


class Source(Protocol):
    """Somebody outside of the guest who knows the time."""

    name: str

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
    if Rtc.path.exists():
        return Rtc()
    if Ptp.path.exists():
        return Ptp()
    return Mmds()


def advance_to(moment: float) -> None:
    """Set the system clock, but never back: time must not run backwards for what is thawed next."""
    if moment > time.time():
        time.clock_settime(time.CLOCK_REALTIME, moment)


class Rtc:
    """Whole seconds only, and its seconds need not begin with the real ones: their lag is learnt."""

    name = "rtc"
    path = Path("/sys/class/rtc/rtc0/since_epoch")

    def __init__(self) -> None:
        self._file = os.open(self.path, os.O_RDONLY)
        self._lag = 0.0

    def learn(self) -> None:
        second = self._at_next_tick()
        self._lag = time.time() - second

    def jumped(self) -> bool:
        # The reading comes first: what passes before the second look only makes a jump seem smaller.
        shown = self._read()
        return shown + self._lag > time.time() + JUMP_S

    def now(self) -> float:
        return self._read() + self._lag

    def settle(self) -> None:
        second = self._at_next_tick()
        advance_to(second + self._lag)

    def _read(self) -> int:
        return int(os.pread(self._file, 32, 0))

    def _at_next_tick(self) -> int:
        first = self._read()
        while (second := self._read()) == first:
            time.sleep(0.002)
        return second


class Ptp:
    """The host's clock, to the microsecond, where KVM offers it."""

    name = "ptp0"
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

    def __init__(self) -> None:
        self._generation: object = None

    def learn(self) -> None:
        found = mmds.identity()
        if found is None:
            raise RuntimeError("no RTC, no /dev/ptp0 and no MMDS: a restore could never be noticed")
        self._generation = found.get("generation")

    def jumped(self) -> bool:
        found = mmds.identity()
        return found is not None and found.get("generation") != self._generation

    def now(self) -> float:
        return float((mmds.identity() or {}).get("time", 0))

    def settle(self) -> None:
        """MMDS knows no better time than it told before."""
