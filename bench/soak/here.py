"""What runs leave on this machine: processes, and folders that were to go with them.

We take in whatever a run leaves running (as its "subreaper"), so that it is known by where it comes from.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Collection, Iterator
from pathlib import Path

from harness.errors import WaitTimeoutError
from harness.outward import told
from harness.wait import wait_until

_PR_SET_CHILD_SUBREAPER = 36
_PRIVATE = Path("/tmp")  # noqa: S108 - where harness.transport.private has them
_KILLED_S = 30.0
_PYTESTS_OWN = "pytest-of-"
"""The folder in which pytest keeps those of the last runs."""


def take_in() -> None:
    """Become the parent of what our children leave running."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def left_here(suites: Collection[int], temporary: Path) -> frozenset[str]:
    """What is there of runs that are over; to be asked while nothing of ours runs.

    :param suites: the pids that they had.
    :param temporary: the folder that was theirs for what is to go with them.
    """
    _wait_for_the_dead()
    folders = [
        *_owned(suites),
        *(one for one in _entries(temporary) if not one.name.startswith(_PYTESTS_OWN)),
    ]
    return frozenset(
        [f"here: process {pid} {told(command)}" for pid, command in _below(os.getpid())]
        + [f"here: entry {one}" for one in folders]
    )


def descriptors_here() -> int:
    """How many we have."""
    return len(_entries(Path("/proc/self/fd")))


def end_what_is_left() -> None:
    """Kill what runs left running: it is told, and nobody else would end it."""

    def ended() -> bool:
        _wait_for_the_dead()
        below = list(_below(os.getpid()))
        for pid, _ in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not below

    with contextlib.suppress(WaitTimeoutError):  # what the kernel does not let go is nobody's to end
        wait_until(ended, what="what runs left has ended", timeout_s=_KILLED_S)


def _wait_for_the_dead() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _owned(suites: Collection[int]) -> Iterator[Path]:
    """Private directories whose note of an owner names a run of ours."""
    for note in _PRIVATE.glob("acc-*/owner"):
        with contextlib.suppress(OSError, ValueError):
            if int(note.read_text().split()[0]) in suites:
                yield note.parent


def _below(root: int) -> Iterator[tuple[int, str]]:
    """All processes below one."""
    for task in _entries(Path(f"/proc/{root}/task")):
        with contextlib.suppress(OSError):
            for pid in map(int, (task / "children").read_text().split()):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
                yield pid, words.decode("utf-8", "replace")[:200].strip()
                yield from _below(pid)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
