"""The loop: run, hold against what was last told, tell of a change, wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.text import one_line
from harness.watch.rhythm import Rhythm
from harness.watch.standing import Standing, change, keep_standing, read_standing, remembered
from harness.watch.telling import Teller

Ask = Callable[[], Standing]


@dataclass(frozen=True)
class Clock:
    """Time that passes, and waiting for it."""

    now: Callable[[], float]
    """Seconds since whenever."""
    wait: Callable[[float], None]


@dataclass(frozen=True)
class Watch:
    """What is watched, how often, and who is told."""

    ask: Ask
    rhythm: Rhythm
    teller: Teller
    kept: Path
    """Where what was last told is kept."""
    say: Callable[[str], None]
    """A line for whoever looks on."""
    waits: Callable[[Standing, float], None]
    """That the next run begins in so many seconds."""

    def go_on(self, clock: Clock, runs: int | None = None) -> None:
        """Run after run, for ever or so many times."""
        done = 0
        while True:
            began = clock.now()
            standing = self._once()
            done += 1
            begins = self.rhythm.next_after(began, clock.now(), broken=standing.outcome == "BROKEN")
            if done == runs:
                return
            left_s = max(0.0, begins - clock.now())
            self.waits(standing, left_s)
            clock.wait(left_s)

    def _once(self) -> Standing:
        now = self.ask()
        before = read_standing(self.kept)
        found = change(before, now)
        if found is None:
            return now
        self.say(found.line)
        untold = self.teller.tell(found)
        for why in untold:
            self.say(f"not told: {one_line(why)}")
        if not untold:
            self._keep(remembered(before, now))
        return now

    def _keep(self, now: Standing) -> None:
        try:
            keep_standing(self.kept, now)
        except OSError as error:
            self.say(f"{self.kept}: {error.strerror}; the same is told again")
