"""How busy a machine was for a while, by the kernel's own account: pressure (PSI) and load."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LOAD = "/proc/loadavg"
PRESSURES = {name: f"/proc/pressure/{name}" for name in ("cpu", "memory", "io")}
FILES = (LOAD, *PRESSURES.values())
_TOTAL = re.compile(r"^some .*\btotal=([0-9]{1,20})\b", re.MULTILINE)
_LOAD = re.compile(r"([0-9]{1,10}\.[0-9]{1,4}) ")


@dataclass(frozen=True)
class Stand:
    """What a machine's counters said at a moment of our clock."""

    at: float
    load: float | None
    """Tasks that ran or waited, over the last minute."""
    waited_us: Mapping[str, int]
    """Since its boot: how long some task waited for a thing; empty where its kernel does not tell."""


@dataclass(frozen=True)
class Busy:
    """A while between two such moments."""

    load: tuple[float | None, float | None]
    pressure: Mapping[str, float]
    """The share of the time in which some task waited for processors, memory, or a disk; of 1."""


def stand(files: Mapping[str, str | None]) -> Stand:
    """Read the counters, as the files named in :data:`FILES` tell them."""
    load = _LOAD.match(files.get(LOAD) or "")
    totals = {name: _TOTAL.search(files.get(path) or "") for name, path in PRESSURES.items()}
    return Stand(
        time.monotonic(),
        float(load[1]) if load else None,
        {name: int(total[1]) for name, total in totals.items() if total},
    )


def stand_here() -> Stand:
    """This machine's."""
    return stand({path: _content(Path(path)) for path in FILES})


def between(begin: Stand, end: Stand) -> Busy:
    """How busy the machine was meanwhile."""
    lasted_us = max(end.at - begin.at, 0.001) * 1e6
    both = begin.waited_us.keys() & end.waited_us.keys()
    pressure = {
        # The two moments are of our clock, and the counters of another machine's.
        name: round(min(max(end.waited_us[name] - begin.waited_us[name], 0) / lasted_us, 1.0), 4)
        for name in PRESSURES
        if name in both
    }
    return Busy((begin.load, end.load), pressure)


def processors_here() -> int:
    """How many processors this machine has."""
    return os.cpu_count() or 1


def _content(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
