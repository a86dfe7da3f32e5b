"""The running twin: one systemd-nspawn process, the cgroup it lives in, and the file that names them.

The process is started in a session of its own and outlives who started it. Its id is written by the process
itself before it becomes systemd-nspawn, and everything in the twin is in its cgroup, so whoever comes after a
killed ``lab up`` finds all of it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.run import environment
from harness.wait import wait_until
from lab.digest import digest_of_text
from lab.image import manifest as golden_manifest
from lab.image.verbs import build_browser
from lab.minipc import cgroups, code, console, deployment, record, tree
from lab.minipc.host import Host, HostError
from lab.minipc.process import Process, process
from lab.minipc.steps import step
from lab.paths import CODE_IN_TWIN, STATE_ON_HOST, LabPaths

BOOT_TIMEOUT_S = 60
_STATE = {folder for one in deployment.DEPLOYMENTS.values() for folder in one.state}
"""Whatever the host was before."""


@dataclass(frozen=True)
class Twin:
    """The running twin, which has no link to this machine's network."""

    leader: Process
    """Its PID 1 as seen from here."""

    patience = 1
    look_s = 0.1

    @property
    def told(self) -> str:
        """By what it is known on this machine."""
        return f"leader {self.leader.pid}"

    def inside(self, words: Sequence[str | Path]) -> list[str | Path]:
        """The command that runs ``words`` in it as root."""
        return ["nsenter", f"--target={self.leader.pid}", "--all", "--wdns=/", "--", *words]

    def terminal(self, words: Sequence[str | Path]) -> list[str | Path]:
        """The same, for a person at a terminal."""
        return self.inside(words)

    def door(self, port: int, address: str = "127.0.0.1") -> str:
        """The command line whose standard input and output are a connection from it to a port."""
        return f"nsenter -t {self.leader.pid} -n socat - TCP:{address}:{port}"


def find(paths: LabPaths) -> Twin | None:
    """The running twin, or None."""
    found = record.read(paths)
    return Twin(found.leader) if found and found.port is None else None


def refuse(_one: deployment.Deployment) -> None:
    """It can have every deployment."""


def build(paths: LabPaths) -> None:
    """Golden snapshot and tree, side by side where both are wanted: one waits for what the other computes."""
    with ThreadPoolExecutor(max_workers=1) as background:
        tree_built = background.submit(_build_tree, paths)
        build_browser(paths)
        tree_built.result()
    deployment.chosen(paths).prepare(paths)


def _build_tree(paths: LabPaths) -> None:
    if not tree.is_current(paths):
        with step("build the host twin"):
            stop(paths)
            tree.build(paths)


def why_rebuild(paths: LabPaths) -> str:
    """Why its golden snapshot is not the one that would be built now; empty where it is."""
    return golden_manifest.why_rebuild(paths.snapshots, golden_manifest.current_inputs(paths))


def manifest(paths: LabPaths) -> Path:
    """The manifest of its golden snapshot."""
    return paths.manifest


def is_current(paths: LabPaths) -> bool:
    """Whether it is made of what is here now."""
    return tree.is_current(paths) and code.is_current(paths)


def profile(_paths: LabPaths) -> Mapping[str, Mapping[str, object]]:
    """Tables of the site profile that are its own."""
    return {"vmm": {"kvm": "none"}}


def finish(_paths: LabPaths, _host: Host) -> None:
    """Nothing: its golden snapshot was built beside it."""


def boot(paths: LabPaths) -> Twin:
    """Start the twin; its system is then still starting."""
    stop(paths)
    _remove_dead_vms(paths)
    code.forget_old(paths)
    paths.run.mkdir(mode=0o755, parents=True, exist_ok=True)
    with console.log_file(paths).open("wb") as log:
        child = subprocess.Popen(
            cgroups.joined(cgroups.made(name(paths)), _nspawn(paths)),
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
        hint=f"systemd-nspawn's words are in {console.log_file(paths)}",
    )
    record.write(paths, record.Record(leader))
    return Twin(leader)


def stop(paths: LabPaths) -> None:
    """End every process of the twin, and remove what it left; nothing happens where there is none.

    It is cut off rather than shut down: the twin keeps nothing that a clean end would save.
    """
    cgroups.end_all(_groups(paths))
    _remove_nspawn_remains(paths)
    record.forget(paths)


def _remove_dead_vms(paths: LabPaths) -> None:
    """No VM outlives its host, and a new host knows none of the old one's."""
    for folder in (one for name in _STATE for one in (paths.firecracker / name).glob("*")):
        tree.remove(folder)


def _groups(paths: LabPaths) -> list[Path]:
    """Those of its name, and of the one it was booted under: the lab may have been moved or updated since."""
    twin = find(paths)
    names = {name(paths), *(cgroups.names(twin.leader) if twin else ())}
    return [group for one in names for group in cgroups.groups(one)]


def _remove_nspawn_remains(paths: LabPaths) -> None:
    """What a systemd-nspawn that was killed could not put away: its mount point, and its lock on the tree."""
    home = Path("/run/systemd/nspawn")
    with suppress(FileNotFoundError):
        (home / "propagate" / name(paths)).rmdir()
    if paths.minipc.exists():
        found = paths.minipc.stat()
        (home / "locks" / f"inode-{found.st_dev}:{found.st_ino}").unlink(missing_ok=True)


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
        raise HostError(f"systemd-nspawn ended with status {child.returncode} before the twin was up")
    for pid in Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split():
        found = process(int(pid))
        if found and Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
            return [found]
    return []
