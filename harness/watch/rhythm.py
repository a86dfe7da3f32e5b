"""When the next run begins."""

from __future__ import annotations

from dataclasses import dataclass, field

SHORTEST_S, LONGEST_S = 1.0, 7 * 86400.0
_SLOWEST = 8
"""A site that cannot be asked is asked this many times less often in the end."""


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
