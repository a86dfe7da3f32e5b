"""The control groups that hold every process of the lab's host, and so tell them from all others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from harness.errors import WaitTimeoutError
from harness.wait import wait_until
from lab.minipc.process import Process, process

_PREFIX = "acceptance-lab-"
_PAYLOAD = "payload/**/cgroup.procs"
"""In ours systemd-nspawn makes this group for the twin itself."""
_EVERYTHING = "**/cgroup.procs"


def groups(name: str) -> list[Path]:
    """Our own group in every hierarchy that systemd uses: the unified one, or on older set-ups two."""
    top = Path("/sys/fs/cgroup")
    roots = [top] if (top / "cgroup.controllers").exists() else [top / "unified", top / "systemd"]
    return [root / f"{_PREFIX}{name}" for root in roots if root.is_dir()]


def made(name: str) -> list[Path]:
    """Our own group in each, made where there is none."""
    ours = groups(name)
    for group in ours:
        group.mkdir(exist_ok=True)
    return ours


def joined(ours: Sequence[Path], words: Sequence[str]) -> list[str]:
    """The command that joins them before it becomes that program: at no moment is it nobody's."""
    script = "".join(f'echo $$ > "{group}/cgroup.procs"\n' for group in ours) + 'exec "$@"\n'
    return ["sh", "-euc", script, "host", *words]


def names(member: Process) -> set[str]:
    """What those of our groups are called that a running process is in."""
    with suppress(OSError):  # it has ended meanwhile
        return set(re.findall(rf"/{_PREFIX}([^/\n]+)", Path(f"/proc/{member.pid}/cgroup").read_text()))
    return set()


def end_all(ours: Sequence[Path]) -> None:
    """SIGKILL to every process in our groups, and the groups removed.

    Those of the twin itself go first, so that systemd-nspawn sees the end and puts its own things away.
    Who was told to end already has the time for it.
    """
    with suppress(WaitTimeoutError):
        _wait_gone(ours, _PAYLOAD, timeout_s=3)
        wait_until(lambda: not _pids(ours, _EVERYTHING), what="the host's end", timeout_s=3)
    _wait_gone(ours, _EVERYTHING, timeout_s=30)
    for group in ours:
        for inner in sorted(group.rglob("*/"), reverse=True):
            inner.rmdir()
        if group.exists():
            group.rmdir()


def _wait_gone(ours: Sequence[Path], pattern: str, *, timeout_s: float) -> None:
    """SIGKILL to those processes until there are none."""
    wait_until(
        lambda: _kill(_pids(ours, pattern)),
        what="the end of the host's processes",
        timeout_s=timeout_s,
        until=lambda found: not found,
        hint="a process in disk sleep? see its /proc/<pid>/stack",
    )


def _pids(ours: Sequence[Path], pattern: str) -> list[int]:
    """Processes in our cgroups."""
    found: list[int] = []
    for file in (file for group in ours for file in group.glob(pattern)):
        with suppress(OSError):  # a group that went away meanwhile
            found += [int(pid) for pid in file.read_text().split()]
    return found


def _kill(pids: list[int]) -> list[int]:
    for pid in pids:
        if seen := process(pid):
            seen.kill()
    return pids
