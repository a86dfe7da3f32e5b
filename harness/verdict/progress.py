"""What a run is at, in a line: what it waits for, and how much is left by the last run's times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.outward import told
from harness.text import one_line

_MINUTES = 90  # seconds, from which on minutes are told


@dataclass
class Progress:
    """What the run is at."""

    times: Mapping[str, float]
    """Seconds that checks took in the last run, by their names."""
    left: list[str]
    """Names of what is still to run, the current one first."""
    total: int = 0
    began: float = 0.0
    setting_up: list[str] = field(default_factory=list)
    """Fixtures that are being made, each for the one before."""
    under_way: Callable[[], int] = int
    """How many experiments there are beside it."""

    def __post_init__(self) -> None:
        self.total = len(self.left)

    def begin(self, name: str, now: float) -> None:
        """A test begins."""
        self.left = self.left[self.left.index(name) :] if name in self.left else [name, *self.left]
        self.began = now

    def line(self, now: float) -> str:
        """All of it, in a line; asked in a thread of its own, while the run goes on."""
        left, made = self.left, self.setting_up[-1:]
        name, lasted = left[0], now - self.began
        waits = f" waits for {made[0]}" if made else ""
        under_way = self.under_way()
        beside = f" ({under_way} experiment{'s' * (under_way > 1)} under way)" if under_way else ""
        number = self.total - len(left) + 1
        text = f"{number} of {self.total}: {name}{waits}{beside}, {_span(lasted)}{self._rest(left, lasted)}"
        return told(one_line(text))

    def _rest(self, left: list[str], lasted: float) -> str:
        if not self.times:
            return ""
        last = self.times.get(left[0], 0.0)
        rest = max(last - lasted, 0) + sum(self.times.get(name, 0.0) for name in left[1:])
        return f" (last time {_span(last)}); about {_span(rest)} left"


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= _MINUTES else f"{seconds:.0f} s"
