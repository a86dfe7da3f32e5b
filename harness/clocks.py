"""Differences between clocks, as far as they can be known through a connection that takes time to answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Offset:
    """How far one clock is ahead of another: it is surely within ``low``..``high`` seconds."""

    low: float
    high: float

    @classmethod
    def between(cls, asked: tuple[float, float], answered: tuple[float, float]) -> Offset:
        """From one question: our clock before and after, and theirs at the beginning and end of the answer.

        They began after our "before" and ended before our "after"; the time of the work itself cancels out.
        """
        return cls(low=answered[1] - asked[1], high=answered[0] - asked[0])

    def __sub__(self, other: Offset) -> Offset:
        """Between two clocks, each known against the same third clock."""
        return Offset(self.low - other.high, self.high - other.low)

    @property
    def at_least(self) -> float:
        """The difference that is certain, without its sign."""
        return max(self.low, -self.high, 0.0)

    @property
    def at_most(self) -> float:
        """The difference that is possible, without its sign."""
        return max(abs(self.low), abs(self.high))

    def __str__(self) -> str:
        return f"{self.low:+.3f} to {self.high:+.3f} s"


def narrowest(offsets: Iterable[Offset]) -> Offset:
    """Where offsets that are all true at once overlap; the last offset, where a clock jumped."""
    known = list(offsets)
    both = Offset(max(one.low for one in known), min(one.high for one in known))
    return both if both.low <= both.high else known[-1]


def utc_text(seconds: float) -> str:
    """A time since 1970 for a message, whatever number somebody gave for one."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g} s after 1970"
