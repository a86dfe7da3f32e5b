"""What processes of the agent did from their first line on, as the preload left it on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from harness.answers import read_as, read_json
from harness.errors import UnreadableError
from harness.guest.places import Place, read_place
from harness.values import decimal, natural

_WHOSE = "a record of the agent's preload"


def program() -> str:
    """The preload, as it is laid down in the guest."""
    return (resources.files("harness") / "guest" / "probes" / "preload.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Record:
    """One thing that a process did. ``kind`` and ``told`` are the preload's own words."""

    pid: int
    thread: int
    at_s: float
    """On the guest's monotonic clock."""
    kind: str
    told: Mapping[str, Any]

    @property
    def is_start(self) -> bool:
        """Whether a process begins with it. One in a container has the pid that the one before it had."""
        return self.kind == "start" and self.thread == 0

    @property
    def place(self) -> Place | None:
        """Where in the program."""
        return read_place(self.told.get("place"), whose=_WHOSE)

    @property
    def errors(self) -> list[Place | None]:
        """Where the server's listeners of ``error`` were registered, by then."""
        told = read_as(list[object], self.told.get("errors"), whose=_WHOSE)
        return [read_place(one, whose=_WHOSE) for one in told]

    @property
    def event(self) -> str:
        """The event of the process that it is about; empty for all of them."""
        return str(self.told.get("event") or "")

    @property
    def code(self) -> str | None:
        """The exit code or signal that it is about."""
        code = self.told.get("code")
        return None if code is None else str(code)

    def count(self, key: str, event: str) -> int:
        """How many handlers of an event there were then."""
        counts = read_as(dict[str, int], self.told.get(key), whose=_WHOSE)
        return counts.get(event, 0)


@dataclass(frozen=True)
class Process:
    """One process of the agent, and all that it did, in order."""

    pid: int
    records: tuple[Record, ...] = field(repr=False)

    def of(self, kind: str, event: str | None = None) -> list[Record]:
        """What it did of one kind, and to one event where that is named."""
        return [
            one for one in self.records if one.kind == kind and (event is None or one.event in {event, ""})
        ]

    @property
    def parent(self) -> int:
        """Who started it; 1 for systemd itself."""
        return next((natural(str(one.told.get("ppid")), whose=_WHOSE) for one in self.of("start")), 0)

    def listening(self, port: int) -> Record | None:
        """The program's own server on a port, if there was one; a cluster's, which Node.js opens, is none."""
        return next((one for one in self.of("listening") if one.told.get("port") == port and one.place), None)

    @property
    def tried(self) -> Record | None:
        """What was thrown in it, if anything was."""
        return next(iter(self.of("tried")), None)


def read_records(lines: list[str]) -> list[Process]:
    """The processes that left these lines, in the order in which they began.

    :raises UnreadableError: a line is no record; the last one of a process that was killed may be half one.
    """
    found: list[tuple[int, list[Record]]] = []
    latest: dict[int, list[Record]] = {}
    for number, line in enumerate(lines):
        try:
            record = _record(line)
        except UnreadableError:
            if not _is_cut(lines, number):
                raise
            continue
        if record.pid not in latest or record.is_start:
            latest[record.pid] = []
            found.append((record.pid, latest[record.pid]))
        latest[record.pid].append(record)
    return [Process(pid, tuple(records)) for pid, records in found]


def _is_cut(lines: list[str], number: int) -> bool:
    """Whether a line is the last one of a file: of a process that was killed while it wrote."""
    line, rest = lines[number], lines[number + 1 :]
    return not line.endswith("}") and (not rest or '"kind":"start"' in rest[0])


def _record(line: str) -> Record:
    row = read_as(dict[str, Any], read_json(line, whose=_WHOSE), whose=_WHOSE)
    return Record(
        pid=natural(str(row.pop("pid", "")), whose=_WHOSE),
        thread=natural(str(row.pop("thread", 0)), whose=_WHOSE),
        at_s=decimal(str(row.pop("at", "")), whose=_WHOSE),
        kind=read_as(str, row.pop("kind", None), whose=_WHOSE),
        told=row,
    )
