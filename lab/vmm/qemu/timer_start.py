"""Whether a Linux guest that was just started got past the measurement of its timer.

At its start the kernel measures the local APIC's timer against 25 ticks of the TSC, and an emulated TSC is
the host's. Where the emulation is held up for a tenth of a second just before, all the ticks that it missed
are counted off at once: the timer seems to stand, Linux gives it up, there is no other one here, and the
guest waits for a tick for ever, with nothing on its console.
"""

import re
from collections.abc import Callable

LOOK_S = 1.0
STUCK = 5
"""So many looks in a row: a measurement takes a tenth of a second, or a few on a busy host."""
BEFORE, UNDER_WAY, PAST = "before", "under way", "past"
_VECTOR = re.compile(r"^LVTT\s.*\(vec (\d+)\)", re.MULTILINE)
_TO_MEASURE = re.compile(r"^LVTT\s.*\bmasked\s+periodic\b", re.MULTILINE)
_COUNT = re.compile(r"initial_count = (\d+)")
_FULL = 0xFFFFFFFF // 16
"""What Linux has it count down from, to be measured."""


def measurement(lapic: str) -> str:
    """How far a processor's timer is by what ``info lapic`` says: before its measurement, under way, past."""
    vector, count = _VECTOR.search(lapic), _COUNT.search(lapic)
    if not vector or not count or int(vector[1]) == 0:
        return BEFORE
    if not _TO_MEASURE.search(lapic):
        return PAST
    return {0: BEFORE, _FULL: UNDER_WAY}.get(int(count[1]), PAST)


class TimerStart:
    """Looks at a guest's first processor after its start, and starts the guest again where it is stuck."""

    def __init__(self, ask: Callable[[], str], restart: Callable[[], None]) -> None:
        """:param ask: what ``info lapic`` says of the first processor."""
        self._ask = ask
        self._restart = restart
        self._looks = 0

    def look(self) -> bool:
        """One look; whether another one is wanted."""
        seen = measurement(self._ask())
        self._looks = self._looks + 1 if seen == UNDER_WAY else 0
        if self._looks == STUCK:
            self._looks = 0
            self._restart()
        return seen != PAST
