"""Runs on the lab's host as root: SIGKILL to one process. Python 3.9, standard library only.

The argument is JSON: ``note``, the file in which a run's custodian says who it is, or ``unit``, whose main
process is meant. By a handle that is opened before it is asked who the process is, it is that one, or none.
Prints the pid as JSON, or null where there is no such process (yet).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def kill(pid: int, still: Callable[[], bool]) -> bool:
    """Kill a process that is still the one that is meant."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not still():
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def noted(note: str) -> int | None:
    """The custodian that a note names, by its pid and its start."""
    try:
        said = json.loads(Path(note).read_text())
    except FileNotFoundError:
        return None
    pid, start = int(said["pid"]), int(said["start"])
    return pid if kill(pid, lambda: _start(pid) == start) else None


def main_process(unit: str) -> int | None:
    """The main process of a unit, as systemd has it."""
    pid = _main_pid(unit)
    return pid if pid and kill(pid, lambda: _main_pid(unit) == pid) else None


def _main_pid(unit: str) -> int:
    asked = ["systemctl", "show", "--property=MainPID", "--value", unit]
    return int(subprocess.run(asked, check=True, capture_output=True, timeout=30).stdout)


def _start(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19])
    except OSError:
        return None


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    json.dump(noted(asked["note"]) if "note" in asked else main_process(asked["unit"]), sys.stdout)
