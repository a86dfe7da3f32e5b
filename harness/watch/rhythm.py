"""When the next run begins."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from harness.errors import UsageError

SHORTEST_S, LONGEST_S = 1.0, 7 * 86400.0
_SLOWEST = 8
"""A site that cannot be asked is asked this many times less often in the end."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> float:
    """``30s``, ``10m``, ``1h`` or ``1d``.

    :raises UsageError: it is none of that, or out of all reason.
    """
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhd])", text)
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise UsageError("--every: expected a time from 1s to 7d, as 30s, 10m or 1h", hint="--every=10m")
    return seconds


@dataclass
class Rhythm:
    """A beat that is held whatever a run takes: one that takes longer leaves out those that it overran."""

    every_s: float
    broken: int = field(default=0, init=False)
    """How many runs in a row could not ask."""

    def next_after(self, began: float, ended: float, *, broken: bool) -> float:
        """When the next run begins, by the clock that ``began`` and ``ended`` are of."""
        self.broken = self.broken + 1 if broken else 0
        step = self.every_s * min(1 << min(max(self.broken - 1, 0), 10), _SLOWEST)
        beats = max(1, int((ended - began) // step) + 1)
        return began + beats * step
