"""Private directories that go with their process, and programs that run in them.

Their names are short, for sockets: a unix socket's path ends at 107 bytes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.custodian.names import is_running, start_time
from harness.run import environment

_PARENT = Path("/tmp")  # noqa: S108 - TMPDIR may be long; the directory is made by mkdtemp, mode 0700
_OWNER_NOTE = "owner"
_KILLED_S = 5.0  # for a killed program to be gone


def private_directory(*, prefix: str = "acc-", parent: Path = _PARENT) -> Path:
    """A new directory (0700). Those of that prefix that a dead process of ours has left are removed first."""
    if Path("/proc/self/stat").exists():
        for entry in parent.glob(f"{prefix}*"):
            _remove_if_dead(entry)
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    (directory / _OWNER_NOTE).write_text(f"{os.getpid()} {start_time(os.getpid())} {_process_namespace()}")
    return directory


def start_and_remove(directory: Path, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a program with pipes; when it ends, the directory is removed, even where we are gone by then.

    The program must end when its stdin does.
    """
    words = ["sh", "-c", '"$@"; status=$?; rm -rf -- "$0"; exit "$status"', str(directory), *argv]
    return start_with_pipes(words)


def start_with_pipes(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a program with pipes, in a session of its own: a Ctrl-C is not for it."""
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )


def close_pipes(process: subprocess.Popen[bytes]) -> None:
    """Close our ends of an ended program's pipes."""
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):  # something unsaid for a program that is gone
                pipe.close()


def end_group(process: subprocess.Popen[bytes], *, grace_s: float = 5) -> None:
    """End a program that runs in a session of its own, with all it started: asked first, then killed.

    What root runs for us by sudo ends with its pipes.
    """
    for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, _KILLED_S)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            return


def kill_session(leader: int) -> None:
    """Kill the processes here that are in the session of one that was started here, and not yet waited for.

    What is another user's stays.
    """
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):  # gone meanwhile, or not ours to kill
            if int(stat.read_bytes().rsplit(b")", 1)[1].split()[3]) == leader:
                os.kill(int(stat.parent.name), signal.SIGKILL)


def _remove_if_dead(directory: Path) -> None:
    note = directory / _OWNER_NOTE
    try:
        # The note is ours, even where the directory was given to the user whom a program in it runs as.
        if directory.is_symlink() or note.lstat().st_uid != os.getuid():
            return
        pid, started, namespace = map(int, note.read_text().split())
    except (OSError, ValueError):  # no note of an owner: not one of ours, or being made right now
        return
    # A container may share the parent, where our numbers of processes mean nothing.
    if namespace == _process_namespace() and not is_running(pid, started):
        shutil.rmtree(directory, ignore_errors=True)


def _process_namespace() -> int:
    """That in which our pids count; 0 where there is none."""
    with contextlib.suppress(OSError):
        return Path("/proc/self/ns/pid").stat().st_ino
    return 0
