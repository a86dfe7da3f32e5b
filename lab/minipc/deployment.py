"""The deployments that the twin can have: one host, guest and VMM, under controllers that differ in all else.

What differs is data. A deployment's own overlay is laid over the common one, and its profile's tables over
the common ones (``lab.minipc.profile``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from lab.minipc import base, coldboot_profile, jailed, keys
from lab.paths import LabPaths

LAB = Path(__file__).parent.parent
COMMON_OVERLAY = Path(__file__).parent / "overlay"


def _nothing(_paths: LabPaths) -> None:
    """The golden snapshot's folder is as the controller wants it."""


@dataclass(frozen=True)
class Deployment:
    """One of them."""

    name: str
    controller: str
    """The folder of ``lab`` with its controller."""
    others: tuple[str, ...] = ()
    """Further folders and files of ``lab`` that the twin needs for it."""
    is_node: bool = False
    """Whether its controller has packages of npm."""
    overlays: tuple[Path, ...] = (COMMON_OVERLAY,)
    units: tuple[str, ...] = ()
    """What runs beside the common units."""
    state: tuple[str, ...] = ("vms",)
    """Folders of the host's VM state in which nothing outlives the host."""
    environment: Callable[[LabPaths], Mapping[str, str]] = lambda _paths: {}
    """What its controller is told beside the database's address."""
    profile: Callable[[LabPaths], Mapping[str, Mapping[str, object]]] = lambda _paths: {}
    """Tables of its site profile that differ from the runbook's; a field that is None is left out."""
    prepare: Callable[[LabPaths], None] = _nothing
    """What is done once the golden snapshot is built."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Everything of ``lab`` that the twin needs."""
        return ("vmm", self.controller, "provider", "minipc/database", "image/agent", *self.others)


def _coldboot_environment(paths: LabPaths) -> dict[str, str]:
    # Emulated VMs boot slowly, several at once more so, and so do their browsers hear.
    slowly = {"HEALTH_TIMEOUT_MS": "420000", "PAGE_MS": "200000"}
    return {"VNC_PASSWORD": keys.vnc_password(paths), **slowly}


RUNBOOK = Deployment("runbook", controller="controller")
COLDBOOT = Deployment(
    "coldboot",
    controller="coldboot",
    others=("image/agent.env", "image/browser-vm-auth.service"),
    is_node=True,
    overlays=(COMMON_OVERLAY, LAB / "coldboot/overlay"),
    units=("lab-cdn.service",),
    state=("users", "sockets"),
    environment=_coldboot_environment,
    profile=coldboot_profile.tables,
    prepare=base.prepare,
)
NETNS = Deployment(
    "netns",
    controller="controller",
    overlays=(COMMON_OVERLAY, LAB / "netns/overlay"),
    state=("users", "sockets"),
    environment=jailed.environment,
    profile=jailed.tables,
    prepare=jailed.prepare,
)
TRIXIE = Deployment("trixie", controller="controller")
"""The runbook's on a newer Debian, as host and as guest: ``lab.debian``."""
DEPLOYMENTS = {one.name: one for one in (RUNBOOK, COLDBOOT, NETNS, TRIXIE)}


def chosen(paths: LabPaths) -> Deployment:
    """The one that the lab was last brought up as; at first the runbook's.

    :raises UsageError: it is none that there is any more.
    """
    file = paths.deployment
    name = file.read_text().strip() if file.exists() else RUNBOOK.name
    if name not in DEPLOYMENTS:
        known = ", ".join(DEPLOYMENTS)
        raise UsageError(
            f"{file} names no deployment: {name!r}", hint=f"python -m lab up --deployment= one of {known}"
        )
    return DEPLOYMENTS[name]


def choose(paths: LabPaths, name: str) -> None:
    """Have the lab come up as this one from now on."""
    paths.deployment.parent.mkdir(parents=True, exist_ok=True)
    paths.deployment.write_text(f"{name}\n")
