"""How long a machine's tasks waited for a processor, a disk or memory, by the kernel's own account (PSI).

A time that was missed on a machine that was starved meanwhile says little of what was waited for.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

READ = "cd /proc/pressure && grep -s ^some cpu io memory || true"
"""Shell that prints what :func:`read_pressure` reads; nothing where the kernel keeps no account."""

STARVED = 25.0
"""Percent of the time in which some task waited: a machine with so much is short of something."""
_WAITED_FOR = {"cpu": "a processor", "io": "a disk", "memory": "memory"}
_LINE = re.compile(
    r"^(?P<what>cpu|io|memory):some .*\bavg60=(?P<minute>\d{1,3}(?:\.\d+)?) .*\btotal=(?P<total_us>\d{1,18})",
    re.MULTILINE | re.ASCII,
)


@dataclass(frozen=True)
class Pressure:
    """One resource at one moment."""

    last_minute: float
    """Percent of it in which some task waited."""
    total_s: float
    """Seconds since boot in which some task waited."""


def read_pressure(text: str) -> Mapping[str, Pressure]:
    """By resource; what cannot be read is not there."""
    return {
        line["what"]: Pressure(float(line["minute"]), int(line["total_us"]) / 1e6)
        for line in _LINE.finditer(text)
    }


class Strain:
    """The strain on one machine since this was made.

    :param ask: prints what :data:`READ` prints there.
    """

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask
        self._first, self._began = read_pressure(ask()), time.monotonic()

    def told(self) -> str:
        """What its tasks waited for, where that was much; else nothing."""
        passed_s = time.monotonic() - self._began
        words = []
        for what, now in read_pressure(self._ask()).items():
            before = self._first.get(what)
            since = 100 * (now.total_s - before.total_s) / max(passed_s, 1) if before else 0.0
            share = min(max(since, 0.0), 100.0)
            if max(share, now.last_minute) >= STARVED:
                words.append(
                    f"tasks waited for {_WAITED_FOR[what]} {share:.0f} % of the time since the run began,"
                    f" {now.last_minute:.0f} % of the last minute"
                )
        return "; ".join(words)
