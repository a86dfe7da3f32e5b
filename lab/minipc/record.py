"""The file that names the running host: by it a killed ``lab up`` is cleared away, and the suite finds it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from lab.minipc.process import Process
from lab.paths import LabPaths


@dataclass(frozen=True)
class Record:
    """One running host."""

    leader: Process
    """The process that it lives and ends with."""
    port: int | None = None
    """Where this machine's loopback leads to its sshd; none where its namespaces are the way in."""


def read(paths: LabPaths) -> Record | None:
    """The host on record, where it runs."""
    file = _file(paths)
    if not file.exists():
        return None
    said = json.loads(file.read_text())
    leader = Process(said["pid"], said["started"])
    return Record(leader, said.get("port")) if leader.alive else None


def write(paths: LabPaths, record: Record) -> None:
    """Put it on record, whole or not at all."""
    said = {"pid": record.leader.pid, "started": record.leader.started}
    fresh = _half_written(paths)
    fresh.write_text(json.dumps(said if record.port is None else {**said, "port": record.port}))
    fresh.replace(_file(paths))


def forget(paths: LabPaths) -> None:
    """Have none on record, but for a host of the other kind that runs: who ends one has ended it before."""
    if read(paths):
        return
    for file in (_file(paths), _half_written(paths)):
        file.unlink(missing_ok=True)


def _file(paths: LabPaths) -> Path:
    return paths.run / "leader.json"


def _half_written(paths: LabPaths) -> Path:
    return _file(paths).with_suffix(".new")
