"""The deployment whose VMs have a network namespace and a jail each: its jailer, and its profile's tables."""

from __future__ import annotations

import shutil

from lab import firecracker
from lab.controller import jail
from lab.paths import STATE_ON_HOST, LabPaths

_JAILER = "bin/jailer"
_JAILS = "/srv/jailer"
_USERS, _SOCKETS = STATE_ON_HOST / "users", STATE_ON_HOST / "sockets"


def environment(_paths: LabPaths) -> dict[str, str]:
    """What its controller is told."""
    folders = {"VMS_DIR": str(_USERS), "SOCKETS_DIR": str(_SOCKETS)}
    return {**folders, "JAILER": str(STATE_ON_HOST / _JAILER)}


def prepare(paths: LabPaths) -> None:
    """Have the original jailer where the host finds it."""
    place = paths.firecracker / _JAILER
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(".new")
    shutil.copy2(firecracker.original(paths) / "jailer", fresh)
    fresh.replace(place)


def tables(_paths: LabPaths) -> dict[str, dict[str, object]]:
    """Its TAPs are all called the same, and so no row tells one from another."""
    return {
        "state": {
            "vms_dir": _USERS,
            "sockets_dir": _SOCKETS,
            "jails_dir": _JAILS,
            "tap_prefix": jail.TAP,
            "tap_id_characters": "none",
        }
    }
