"""A process on this machine that cannot be taken for another one."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process that cannot be taken for another one: its id and its start time."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """Whether it runs (a zombie does not)."""
        fields = _stat(self.pid)
        return fields is not None and fields[0] not in "ZX" and int(fields[19]) == self.started

    def kill(self) -> None:
        """SIGKILL, unless it is gone."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def process(pid: int) -> Process | None:
    """That process as it is now."""
    fields = _stat(pid)
    return Process(pid, int(fields[19])) if fields else None


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat after the name: state first, start time 20th."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
