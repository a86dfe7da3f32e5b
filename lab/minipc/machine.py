"""The running twin: one systemd-nspawn process, the cgroup it lives in, and the file that names them.

The process is started in a session of its own and outlives who started it. Its id is written by the process
itself before it becomes systemd-nspawn, and everything in the twin is in its cgroup, so whoever comes after a
killed ``lab up`` finds all of it.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from pathlib import Path

from harness.errors import HarnessError
from harness.run import environment
from harness.wait import wait_until
from lab.digest import digest_of_text
from lab.minipc import cgroups, code
from lab.minipc.process import Process, process
from lab.paths import CODE_IN_TWIN, STATE_ON_HOST, LabPaths

BOOT_TIMEOUT_S = 60


class MachineError(HarnessError):
    """The twin did not come up, or did not go."""


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
    groups = cgroups.groups(name(paths))
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
    fresh = _half_written(paths)
    fresh.write_text(json.dumps({"pid": leader.pid, "started": leader.started}))
    fresh.replace(_leader_file(paths))
    return leader


def stop(paths: LabPaths) -> None:
    """End every process of the twin, and remove what it left; nothing happens where there is none.

    It is cut off rather than shut down: the twin keeps nothing that a clean end would save.
    """
    cgroups.end_all(_groups(paths))
    _remove_nspawn_remains(paths)
    for file in (_leader_file(paths), _half_written(paths)):
        file.unlink(missing_ok=True)


def _groups(paths: LabPaths) -> list[Path]:
    """Those of its name, and of the one it was booted under: the lab may have been moved or updated since."""
    leader = find(paths)
    names = {name(paths), *(cgroups.names(leader) if leader else ())}
    return [group for one in names for group in cgroups.groups(one)]


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


def _half_written(paths: LabPaths) -> Path:
    """Where the leader's record is until it is whole."""
    return _leader_file(paths).with_suffix(".new")


def name(paths: LabPaths) -> str:
    """The machine's name; another lab's twin has another one, and a folder's own may be no host name."""
    return "minipc" if paths == LabPaths() else f"minipc-{digest_of_text(str(paths.home))[:8]}"


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


def _leaders(child: subprocess.Popen[bytes]) -> list[Process]:
    """nspawn's one child that has become systemd, or nothing yet."""
    if child.poll() is not None:
        raise MachineError(f"systemd-nspawn ended with status {child.returncode} before the twin was up")
    for pid in Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split():
        found = process(int(pid))
        if found and Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
            return [found]
    return []
