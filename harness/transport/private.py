"""A private directory with a short name, for sockets: unix socket paths end at 107 bytes."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.custodian.names import start_time
from harness.run import environment

_PARENT = Path("/tmp")  # noqa: S108 - TMPDIR may be long; the directory is made by mkdtemp, mode 0700
_PREFIX = "acc-"
_OWNER = "owner"


def private_directory() -> Path:
    """A new directory (0700). Directories of ours whose process is dead are removed first."""
    if Path("/proc/self/stat").exists():
        for entry in _PARENT.glob(f"{_PREFIX}*"):
            _remove_if_dead(entry)
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_PARENT))
    (directory / _OWNER).write_text(f"{os.getpid()} {start_time(os.getpid())}")
    return directory


def start_and_remove(directory: Path, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a program with pipes; when it ends, the directory is removed, even where we are gone by then.

    It runs in a session of its own: a Ctrl-C is not for it. It must end when its stdin does.
    """
    return subprocess.Popen(
        ["sh", "-c", '"$@"; status=$?; rm -rf -- "$0"; exit "$status"', str(directory), *argv],
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


def _remove_if_dead(entry: Path) -> None:
    try:
        if entry.is_symlink() or entry.lstat().st_uid != os.getuid():
            return
        pid, started = (entry / _OWNER).read_text().split()
    except (OSError, ValueError):  # no note of an owner: not one of ours, or being made right now
        return
    if str(start_time(int(pid))) != started:
        shutil.rmtree(entry, ignore_errors=True)
