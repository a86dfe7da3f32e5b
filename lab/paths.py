"""Where the lab keeps its things; the only place with these paths."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

GOLDEN = "browser-vm-golden"
"""Stem of the golden snapshot's files."""

STATE_ON_HOST = Path("/var/lib/firecracker")
"""Where a host keeps its VM state; the lab's twin sees ``LabPaths.firecracker`` there."""

CODE_IN_TWIN = Path("/opt/acceptance-lab")
"""Where the twin finds the lab's code and its third-party packages (``lab.minipc.code``)."""


@dataclass(frozen=True)
class LabPaths:
    """One lab: ``home`` stays on disk between uses, ``run`` holds what lives (pids, sockets)."""

    home: Path = Path("/var/lib/acceptance-lab")
    run: Path = Path("/run/acceptance-lab")

    @property
    def store_file(self) -> Path:
        """The sparse file that holds the store's XFS."""
        return self.home / "store.xfs"

    @property
    def store(self) -> Path:
        """Where the store is mounted: a copy of a disk in it is a reflink, made in milliseconds."""
        return self.home / "store"

    @property
    def firecracker(self) -> Path:
        """The twin's ``/var/lib/firecracker``."""
        return self.store / "firecracker"

    @property
    def snapshots(self) -> Path:
        """The folder of the golden snapshot; swapped as a whole by a build."""
        return self.firecracker / "snapshots"

    @property
    def minipc(self) -> Path:
        """The host twin's own Debian tree."""
        return self.store / "minipc"

    @property
    def cache(self) -> Path:
        """What a build can make again: package trees, kernels, disks."""
        return self.store / "cache"

    @property
    def build_logs(self) -> Path:
        """What the VMs of the last build of the golden snapshot said."""
        return self.home / "build"

    @property
    def original(self) -> Path:
        """Where the original Firecracker is kept, which the look-alike is held against."""
        return self.home / "build/firecracker-1.12.1"

    @property
    def kvm(self) -> Path:
        """What the machine with KVM of its own is made of: its disks, and the Firecracker it has."""
        return self.home / "kvm"

    @property
    def host(self) -> Path:
        """The name of the kind of host that the lab is brought up on."""
        return self.home / "host"

    @property
    def tiny_guest(self) -> Path:
        """Where the tests of the VMM keep a kernel of their own, as long as no lab is built."""
        return self.home / "tiny-guest"

    @property
    def keys(self) -> Path:
        """The lab's own SSH keys."""
        return self.home / "keys"

    @property
    def ssh_key(self) -> Path:
        """The private key that opens every guest and the twin; ``.pub`` lies beside it."""
        return self.keys / "lab_ed25519"

    @property
    def guest_host_key(self) -> Path:
        """The SSH host key that all guests have; ``.pub`` lies beside it."""
        return self.keys / "guest_host_ed25519"

    @property
    def deployment(self) -> Path:
        """The name of the deployment that the twin is brought up as."""
        return self.home / "deployment"

    @property
    def site(self) -> Path:
        """The site profile that ``lab up`` writes."""
        return self.home / "site.toml"

    @property
    def manifest(self) -> Path:
        """The golden snapshot's manifest."""
        return self.snapshots / "manifest.json"


def lab_paths() -> LabPaths:
    """The paths of the lab that the environment names (``LAB_HOME``), or of the default one.

    A lab elsewhere than the default place gets a runtime folder of its own, so two never meet.
    """
    default = LabPaths()
    home = Path(os.environ.get("LAB_HOME") or default.home).resolve()
    return default if home == default.home else LabPaths(home, home / "run")
