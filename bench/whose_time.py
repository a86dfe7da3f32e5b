"""Whose time passes on this machine: that of VMs, of our processes, of the lab's host, or nobody's.

All processes are asked again and again. What ends between two looks is not taken for idle time: the machine's
own account of its processors is held against theirs.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

_PROC = Path("/proc")
_VMS = ("firecracker", "qemu-system-x86")
"""How the programs of a VM are called, to the fifteenth character."""
_IDLE = slice(3, 5)
"""Of a line of /proc/stat, without its name: idle, and idle while a disk is waited for."""
_GUEST = 8
"""What follows is in what came before."""


class Whose(StrEnum):
    """Whose time it is."""

    VMS = "VMs"
    OURS = "our processes"
    HOST = "the host's other processes"
    OTHERS = "others, and what ended between two looks"
    NOBODYS = "waiting"


@dataclass(frozen=True)
class Sample:
    """What had been used at a moment, in ticks of all processors."""

    at: float
    """Seconds since 1970."""
    used: Mapping[Whose, int]
    busy: int
    idle: int


@dataclass(frozen=True)
class Span:
    """Something that took its time."""

    what: str
    began: float
    seconds: float


@dataclass
class Looker:
    """Takes samples."""

    suite: int
    """Its pid: what is below it is ours."""
    leader: int
    """That of the first process of the lab's host, all of whose processes are seen from here."""
    _seen: dict[tuple[int, int], int] = field(default_factory=dict)
    _used: dict[Whose, int] = field(default_factory=dict)

    def look(self) -> Sample:
        """Take one."""
        known = {one.pid: one for one in _processes()}
        for one in known.values():
            key = (one.pid, one.started)
            whose = self._whose(one, known)
            self._used[whose] = self._used.get(whose, 0) + one.ticks - self._seen.get(key, 0)
            self._seen[key] = one.ticks
        fields = [int(word) for word in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:]][:_GUEST]
        idle = sum(fields[_IDLE])
        return Sample(time.time(), dict(self._used), sum(fields) - idle, idle)

    def _whose(self, one: _Process, known: Mapping[int, _Process]) -> Whose:
        above = set(_above(one, known))
        if self.suite in above:
            return Whose.OURS
        if self.leader not in above:
            return Whose.OTHERS
        return Whose.VMS if one.name in _VMS else Whose.HOST


def shares(samples: Sequence[Sample]) -> Mapping[Whose, float]:
    """The seconds between the first sample and the last, by whose they were."""
    found = dict.fromkeys(Whose, 0.0)
    for whose, seconds in (one for two in pairwise(samples) for one in _between(*two).items()):
        found[whose] += seconds
    return found


def by_span(samples: Sequence[Sample], spans: Collection[Span]) -> Mapping[str, Mapping[Whose, float]]:
    """The same for each span, and under no name for what is in none; spans do not overlap."""
    found: dict[str, dict[Whose, float]] = {}
    for first, then in pairwise(samples):
        middle = (first.at + then.at) / 2
        named = (one.what for one in spans if one.began <= middle < one.began + one.seconds)
        total = found.setdefault(next(named, ""), dict.fromkeys(Whose, 0.0))
        for whose, seconds in _between(first, then).items():
            total[whose] += seconds
    return found


def _between(first: Sample, then: Sample) -> dict[Whose, float]:
    """Time that several processors were used by several is shared among them."""
    idle, busy = then.idle - first.idle, then.busy - first.busy
    ticks = {whose: then.used.get(whose, 0) - first.used.get(whose, 0) for whose in Whose}
    known = sum(ticks.values())
    ticks[Whose.OTHERS] += max(0, busy - known)
    ticks[Whose.NOBODYS] = max(0, idle)
    whole = sum(ticks.values())
    if not whole:
        return {Whose.NOBODYS: then.at - first.at}
    return {whose: (then.at - first.at) * count / whole for whose, count in ticks.items()}


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    started: int
    name: str
    ticks: int


def _processes() -> Iterator[_Process]:
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                head, _, rest = (folder / "stat").read_text("utf-8", "replace").rpartition(")")
                words = rest.split()
                ticks = int(words[11]) + int(words[12])
                name = head.partition("(")[2]
                yield _Process(int(folder.name), int(words[1]), int(words[19]), name, ticks)


def _above(one: _Process, known: Mapping[int, _Process]) -> Iterable[int]:
    """Its pid, and those of all that it is below."""
    pid = one.pid
    while pid in known:
        yield pid
        pid = known[pid].parent
