"""The two kinds of host that the lab can have, behind one interface.

One of them runs at a time: either wants both processors and most of the memory, and the lab has one profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from harness.errors import UsageError
from lab.minipc import nspawn
from lab.minipc.deployment import Deployment
from lab.minipc.host import Host
from lab.minipc.kvm import machine
from lab.paths import LabPaths


class Kind(Protocol):
    """What is done with a host from outside."""

    def find(self, paths: LabPaths, /) -> Host | None:
        """The one that runs."""

    def refuse(self, one: Deployment, /) -> None:
        """Refuse a deployment that it cannot have."""

    def build(self, paths: LabPaths, /) -> None:
        """Have all that it boots from; one that runs on something else is ended."""

    def is_current(self, paths: LabPaths, /) -> bool:
        """Whether it is made of what is here now."""

    def why_rebuild(self, paths: LabPaths, /) -> str:
        """Why its golden snapshot is not the one that would be built now; empty where it is."""

    def profile(self, paths: LabPaths, /) -> Mapping[str, Mapping[str, object]]:
        """Tables of the site profile that are its own."""

    def boot(self, paths: LabPaths, /) -> Host:
        """Start it anew."""

    def finish(self, paths: LabPaths, host: Host, /) -> None:
        """What is done in it once it runs."""

    def stop(self, paths: LabPaths, /) -> None:
        """End it, and all that it left."""

    def manifest(self, paths: LabPaths, /) -> Path:
        """Where this machine finds the manifest of its golden snapshot."""


TWIN = "nspawn"
KINDS: dict[str, Kind] = {TWIN: nspawn, "kvm": machine}


def chosen(paths: LabPaths) -> Kind:
    """The one that the lab was last brought up on; at first the twin.

    :raises UsageError: it is none that there is any more.
    """
    return KINDS[chosen_name(paths)]


def chosen_name(paths: LabPaths) -> str:
    """Its name."""
    name = paths.host.read_text().strip() if paths.host.exists() else TWIN
    if name not in KINDS:
        raise UsageError(
            f"{paths.host} names no host: {name!r}",
            hint=f"python -m lab up --host= one of {', '.join(KINDS)}",
        )
    return name


def choose(paths: LabPaths, name: str) -> None:
    """Have the lab come up on this one from now on; another one that runs is ended."""
    for other in KINDS.keys() - {name}:
        KINDS[other].stop(paths)
    paths.host.parent.mkdir(parents=True, exist_ok=True)
    paths.host.write_text(f"{name}\n")


def find(paths: LabPaths) -> Host | None:
    """The host that runs, of whichever kind."""
    return next((host for kind in KINDS.values() if (host := kind.find(paths))), None)


def stop(paths: LabPaths) -> None:
    """End whatever runs."""
    for kind in KINDS.values():
        kind.stop(paths)
