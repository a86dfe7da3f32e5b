"""What dead runs left on a host, found and removed. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. A name like ours only says where to look: what
is removed is what has a note of its owner in it, or in its run's folder, and that owner ran on this host and
is dead. All else that is called so is left, and told. Every note is there before what it stands for, and goes
after it, so that a kill at any moment leaves nothing that cannot be found.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path

from harness.custodian import netns, notes, owner, sessions
from harness.custodian.launches import NOTES
from harness.custodian.names import CLONE_NAME, DRAFT_NAME, RUN_NAME, RUNS, is_running, start_time
from harness.custodian.owner import Owner, Standing

CLONE_NOTES = "[0-9]*.json"
_LOCK_S = 3.0
_KILL_S = 10.0  # for what is killed to be gone: a VMM has memory to give back
_STUCK_S = 0.2  # for it, once something was not gone by then: whoever starts us waits for all of them
_SESSIONS_AT_ONCE = 64
_SESSIONS_S = 5.0  # after which no further session is begun with
_patience_s: ContextVar[float] = ContextVar("_patience_s", default=_KILL_S)


def claim_run(run: str, disks: Path) -> Path:
    """The run's directory, made together with the note of who owns it."""
    directory = RUNS / run
    owner.claim(directory, Owner.myself(run, disks), mode=0o711)
    return directory


def reap(disks_parent: Path) -> list[str]:
    """Remove what dead runs left; a line for each thing removed, or left with the reason."""
    with _alone() as alone:
        if not alone:
            return ["another run was removing what dead runs left here: it is that one's to tell"]
        return _reap(disks_parent)


def runs() -> list[Path]:
    """Directories of runs, dead or not."""
    return _named(RUNS, RUN_NAME)


def dead_runs() -> list[Path]:
    """Directories of runs of this host that are dead."""
    found = []
    for directory in runs():
        with contextlib.suppress(notes.Unreadable):
            if Owner.of(directory).standing() is Standing.DEAD:
                found.append(directory)
    return found


def _reap(disks_parent: Path) -> list[str]:
    _patience_s.set(_KILL_S)
    lines = _end_sessions(dead_runs())
    for directory in _named(RUNS, RUN_NAME):
        lines += _told(_reap_folder, directory)
    for disks in _named(disks_parent, RUN_NAME):
        lines += _told(_reap_folder, disks)
    for draft in [*_named(RUNS, DRAFT_NAME), *_named(disks_parent, DRAFT_NAME)]:
        lines += _told(_reap_draft, draft)
    for namespace in _named(netns.NAMES, CLONE_NAME):
        lines += _told(_unowned_namespace, namespace)
    return lines


def _told(step: Callable[[Path], list[str]], path: Path) -> list[str]:
    """What a step says, or how it failed: whatever lies about, a run goes on."""
    try:
        return step(path)
    except FileNotFoundError:
        return []  # it went meanwhile
    except Exception as error:  # noqa: BLE001 - a host's leftovers are no reason to end
        return [f"could not remove {path}: {type(error).__name__}: {error}"]


def _reap_folder(folder: Path) -> list[str]:
    """A run's directory, or its disk copies."""
    try:
        found = Owner.of(folder)
    except notes.Unreadable as why:
        return [_left(folder, str(why))] if os.path.lexists(folder) else []
    standing = found.standing()
    if standing is Standing.ELSEWHERE:
        return [_left(folder, f"its owner is not known to this host: {found}")]
    return _remove_run(folder, found) if standing is Standing.DEAD else []


def _remove_run(folder: Path, dead: Owner) -> list[str]:
    """What the clones' notes in it name, the disks that its own note names, and the folder."""
    lines: list[str] = []
    for note in sorted(folder.glob(CLONE_NOTES)):
        lines += _told(_remove_clone, note)
    disks = Path(dead.disks)
    if disks != folder and disks.name == dead.run and os.path.lexists(disks):
        lines += _told(_reap_folder, disks)
    pending = [note for note in folder.glob(CLONE_NOTES) if _namespace_of(note).exists()]
    failures = owner.remove(folder, keep={*pending, *folder.glob(NOTES)})
    if folder.exists():
        why = "; ".join(failures) or "a record in it is not settled"
        return [*lines, f"could not remove {folder}: {why}"]
    return [*lines, f"removed {folder}"]


def _reap_draft(draft: Path) -> list[str]:
    try:
        if Owner.of(draft).standing() is not Standing.DEAD:
            return []
    except notes.Unreadable:
        pass  # killed before its note was there, or after it had gone
    owner.discard_draft(draft)
    return []


def _remove_clone(note: Path) -> list[str]:
    """The VMM that a note names, if it is still that very process; then its namespace, and the note."""
    namespace = _namespace_of(note)
    lines = _kill_noted(note, namespace.name)
    if os.path.lexists(namespace):
        lines += _remove_namespace(namespace)
    note.unlink()
    return lines


def _kill_noted(note: Path, name: str) -> list[str]:
    try:
        said = notes.read(note)
    except notes.Unreadable:
        return []  # who is in the namespace is found without it
    pid = said.get("pid")
    if type(pid) is not int or not is_running(pid, said.get("start")):
        return []
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [_kill(pid, f"VMM {name}")] if name.encode() in words else []


def _remove_namespace(path: Path) -> list[str]:
    """Whatever runs in a namespace of ours is ours: nobody else was ever put there."""
    if netns.is_own(path):
        raise PermissionError(f"it is the host's own namespace, and no clone's: sudo umount {path}")
    lines = [_kill(pid, f"process in namespace {path.name}") for pid in netns.processes_inside(path)]
    netns.remove_name(path)
    return [*lines, f"removed namespace {path.name}"]


def _namespace_of(note: Path) -> Path:
    return netns.NAMES / f"{note.parent.name}-{note.stem}"


def _unowned_namespace(path: Path) -> list[str]:
    """One that no note of a run names; those of a run that lives, or is not for us to judge, are its own."""
    run = path.name.rpartition("-")[0]
    with contextlib.suppress(notes.Unreadable):
        Owner.of(RUNS / run)
        return []
    if not os.path.lexists(path):
        return []
    how = f"if it is a dead run's: sudo ip netns delete {shlex.quote(path.name)}"
    return [f"left namespace {path.name}: no note says that it is of this suite; {how}"]


def _end_sessions(directories: list[Path]) -> list[str]:
    """Cancel the sessions that runs' notes name; the note of one that could not be stays."""
    pending = [note for directory in directories for note in sorted(directory.glob(NOTES))]
    if not pending:
        return []
    last_start = time.monotonic() + _SESSIONS_S

    def end(note: Path) -> str:
        if time.monotonic() > last_start:
            return f"{note}: not asked about this time, for the controller is slow; the next run does"
        return sessions.end_session(note)[1]

    with ThreadPoolExecutor(min(len(pending), _SESSIONS_AT_ONCE)) as pool:
        return [line for line in pool.map(end, pending) if line]


def _kill(pid: int, what: str) -> str:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + _patience_s.get()
    while start_time(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.005)
    if start_time(pid) is None:
        return f"killed {what} (pid {pid})"
    _patience_s.set(_STUCK_S)
    return f"could not kill {what} (pid {pid})"


def _left(folder: Path, why: str) -> str:
    first = " cancel the sessions that its notes name, then" if any(folder.glob(NOTES)) else ""
    return f"left {folder}: {why}; if it is a dead run's:{first} sudo rm -rf -- {shlex.quote(str(folder))}"


def _named(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if pattern.fullmatch(entry.name))
    except OSError:  # not there, or no folder
        return []


@contextlib.contextmanager
def _alone() -> Iterator[bool]:
    """Whether we are the only reaper on this host for the block: two would trip over each other."""
    folder = os.open(RUNS, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield _locked(folder)
    finally:
        os.close(folder)


def _locked(handle: int) -> bool:
    deadline = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True
