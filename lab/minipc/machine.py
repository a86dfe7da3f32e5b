"""The running twin: one systemd-nspawn process, the cgroup it lives in, and the file that names them.

The process is started in a session of its own and outlives who started it. Its id is written by the process
itself before it becomes systemd-nspawn, and everything in the twin is in its cgroup, so whoever comes after a
killed ``lab up`` finds all of it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, WaitTimeoutError
from harness.run import environment
from harness.wait import wait_until
from lab.minipc import code
from lab.minipc.tree import CODE_IN_TWIN
from lab.paths import STATE_ON_HOST, LabPaths

BOOT_TIMEOUT_S = 60
PAYLOAD = "payload"
"""The cgroup in ours that systemd-nspawn makes for the twin itself."""
EVERYTHING = "**/cgroup.procs"


class MachineError(HarnessError):
    """The twin did not come up, or did not go."""


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


def find(paths: LabPaths) -> Process | None:
    """The running twin's leader (its PID 1 as seen from here), or None."""
    file = _leader_file(paths)
    if not file.exists():
        return None
    recorded = Process(**json.loads(file.read_text()))
    return recorded if recorded.alive else None


def boot(paths: LabPaths) -> Process:
    """Start the twin and return its leader; its system is then still starting."""
    stop(paths)
    code.forget_old(paths)
    paths.run.mkdir(mode=0o755, parents=True, exist_ok=True)
    groups = _cgroups(paths)
    for group in groups:
        group.mkdir(exist_ok=True)
    script = "".join(f'echo $$ > "{group}/cgroup.procs"\n' for group in groups) + 'exec "$@"\n'
    with log_file(paths).open("wb") as log:
        child = subprocess.Popen(
            ["sh", "-euc", script, "twin", *_nspawn(paths)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=environment(),
        )
    (leader,) = wait_until(
        lambda: _leaders(child),
        what="the twin's PID 1",
        timeout_s=BOOT_TIMEOUT_S,
        interval_s=0.02,
        hint=f"systemd-nspawn's words are in {log_file(paths)}",
    )
    fresh = _leader_file(paths).with_suffix(".new")
    fresh.write_text(json.dumps({"pid": leader.pid, "started": leader.started}))
    fresh.replace(_leader_file(paths))
    return leader


def stop(paths: LabPaths) -> None:
    """End every process of the twin, and remove what it left; nothing happens where there is none.

    It is cut off rather than shut down: the twin keeps nothing that a clean end would save. Its own processes
    go first, so that systemd-nspawn sees the end and puts its own things away.
    """
    with suppress(WaitTimeoutError):
        _wait_gone(paths, f"{PAYLOAD}/**/cgroup.procs", timeout_s=3, and_then="")
        wait_until(lambda: not _pids(paths, EVERYTHING), what="systemd-nspawn's end", timeout_s=3)
    _wait_gone(paths, EVERYTHING, timeout_s=30, and_then="a process in disk sleep? see its /proc/<pid>/stack")
    for group in _cgroups(paths):
        for inner in sorted(group.rglob("*/"), reverse=True):
            inner.rmdir()
        if group.exists():
            group.rmdir()
    _remove_nspawn_remains(paths)
    _leader_file(paths).unlink(missing_ok=True)


def _remove_nspawn_remains(paths: LabPaths) -> None:
    """What a systemd-nspawn that was killed could not put away: its mount point, and its lock on the tree."""
    home = Path("/run/systemd/nspawn")
    with suppress(FileNotFoundError):
        (home / "propagate" / name(paths)).rmdir()
    if paths.minipc.exists():
        tree = paths.minipc.stat()
        (home / "locks" / f"inode-{tree.st_dev}:{tree.st_ino}").unlink(missing_ok=True)


def log_file(paths: LabPaths) -> Path:
    """What systemd-nspawn and the twin's console said."""
    return paths.run / "console.log"


def forget_log(paths: LabPaths) -> None:
    """Delete the log, and the runtime folder where nothing else is in it."""
    log_file(paths).unlink(missing_ok=True)
    if paths.run.exists() and not any(paths.run.iterdir()):
        paths.run.rmdir()


def _leader_file(paths: LabPaths) -> Path:
    return paths.run / "leader.json"


def name(paths: LabPaths) -> str:
    """The machine's name; another lab's twin has another one."""
    return "minipc" if paths == LabPaths() else f"minipc-{paths.home.name}"


def _nspawn(paths: LabPaths) -> list[str]:
    devices = [device for device in ("/dev/net/tun", "/dev/kvm") if Path(device).exists()]
    return [
        *("systemd-nspawn", "--boot", "--quiet", "--register=no", "--keep-unit", "--console=pipe"),
        *(f"--machine={name(paths)}", "--hostname=minipc", f"--directory={paths.minipc}"),
        *(
            "--volatile=overlay",
            "--private-network",
            "--link-journal=no",
            "--resolv-conf=off",
            "--timezone=off",
        ),
        *(f"--bind={device}" for device in devices),
        f"--bind={paths.firecracker}:{STATE_ON_HOST}",
        f"--bind-ro={code.folder(paths)}:{CODE_IN_TWIN}",
    ]


def _cgroups(paths: LabPaths) -> list[Path]:
    """Our own group in every hierarchy that systemd uses: the unified one, or on older set-ups two."""
    top = Path("/sys/fs/cgroup")
    roots = [top] if (top / "cgroup.controllers").exists() else [top / "unified", top / "systemd"]
    return [root / f"acceptance-lab-{name(paths)}" for root in roots if root.is_dir()]


def _leaders(child: subprocess.Popen[bytes]) -> list[Process]:
    """nspawn's one child that has become systemd, or nothing yet."""
    if child.poll() is not None:
        raise MachineError(f"systemd-nspawn ended with status {child.returncode} before the twin was up")
    for pid in Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split():
        found = process(int(pid))
        if found and Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
            return [found]
    return []


def _wait_gone(paths: LabPaths, pattern: str, *, timeout_s: float, and_then: str) -> None:
    """SIGKILL to those processes until there are none."""
    wait_until(
        lambda: _kill(_pids(paths, pattern)),
        what="the end of the twin's processes",
        timeout_s=timeout_s,
        until=lambda found: not found,
        hint=and_then,
    )


def _pids(paths: LabPaths, pattern: str) -> list[int]:
    """Processes in our cgroups."""
    found: list[int] = []
    for file in (file for group in _cgroups(paths) for file in group.glob(pattern)):
        with suppress(OSError):  # a group that went away meanwhile
            found += [int(pid) for pid in file.read_text().split()]
    return found


def _kill(pids: list[int]) -> list[int]:
    for pid in pids:
        if seen := process(pid):
            seen.kill()
    return pids


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat after the name: state first, start time 20th."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
