"""What dead runs left on a host, found and removed. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. Nothing is touched unless its name is ours
(``acc-<run id>...``) and the custodian that owned it, known by pid and start time, is dead.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from harness.custodian import netns, sessions
from harness.custodian.names import CLONE_NAME, RUN_NAME, RUNS, is_running, start_time


def claim_run(name: str, disks: Path) -> Path:
    """The run's directory, made together with the note of who owns it: never seen without."""
    directory = RUNS / name
    draft = RUNS / f".{name}.{os.getpid()}"
    draft.mkdir(mode=0o711)
    owner = {"pid": os.getpid(), "start": start_time(os.getpid()), "disks": str(disks)}
    (draft / "owner.json").write_text(json.dumps(owner))
    draft.rename(directory)
    return directory


def reap(disks_parent: Path) -> list[str]:
    """Remove what dead runs left; a line for each thing removed, or that could not be."""
    lines: list[str] = []
    for run in sorted(_found(disks_parent)):
        owner = _read(RUNS / run / "owner.json")
        if not is_running(owner.get("pid", 0), owner.get("start")):
            lines += _remove_run(run, Path(owner.get("disks", disks_parent / run)))
    return lines


def _found(disks_parent: Path) -> set[str]:
    names = {run for folder in (RUNS, disks_parent) for run in _names(folder) if RUN_NAME.fullmatch(run)}
    return names | {match[1] for name in _names(netns.NAMES) if (match := CLONE_NAME.fullmatch(name))}


def _names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []


def _remove_run(run: str, disks: Path) -> list[str]:
    lines = _end_sessions(RUNS / run)
    for note in sorted((RUNS / run).glob("*.json")):
        lines += _kill_noted(_read(note), run)
    for name in _names(netns.NAMES):
        if name.startswith(f"{run}-"):
            lines += _remove_namespace(netns.NAMES / name)
    for folder in (disks, RUNS / run):
        if folder.name == run and folder.is_dir() and not any(folder.glob(sessions.NOTES)):
            shutil.rmtree(folder, ignore_errors=True)
            lines.append(f"{'could not remove' if folder.exists() else 'removed'} {folder}")
    return lines


def _end_sessions(directory: Path) -> list[str]:
    """Cancel the sessions that a run's notes name; the note of one that could not be stays."""
    notes = sorted(directory.glob(sessions.NOTES))
    if not notes:
        return []
    with ThreadPoolExecutor(len(notes)) as pool:
        return [line for _, line in pool.map(sessions.end_session, notes) if line]


def _kill_noted(note: dict[str, Any], run: str) -> list[str]:
    """Kill a VMM that a state file of ours names, if it is still that very process."""
    pid, name = note.get("pid"), str(note.get("name", ""))
    if not isinstance(pid, int) or not name.startswith(f"{run}-") or not is_running(pid, note.get("start")):
        return []
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [_kill(pid, f"VMM {name}")] if name.encode() in words else []


def _remove_namespace(path: Path) -> list[str]:
    """Whatever runs in a namespace of ours is ours: nobody else was ever put there."""
    lines = [_kill(pid, f"process in namespace {path.name}") for pid in netns.processes_inside(path)]
    netns.remove_name(path)
    return [*lines, f"removed namespace {path.name}"]


def _kill(pid: int, what: str) -> str:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 2
    while start_time(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.005)
    return f"killed {what} (pid {pid})" if start_time(pid) is None else f"could not kill {what} (pid {pid})"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
