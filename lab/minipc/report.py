"""What there is to see of the lab: its parts, its services, its VMs."""

from __future__ import annotations

import json
import shutil

from harness.errors import HarnessError, UsageError
from lab import debian, store
from lab.minipc import access, deployment, hosts, tree
from lab.minipc.host import Host
from lab.paths import LabPaths

HEALTH = ("curl", "-fsS", "--max-time", "5", "http://127.0.0.1:4000/health")

_LIVE_VMS = (
    "SELECT vm_id, ip_address, status, firecracker_pid FROM vms"
    " WHERE status NOT IN ('destroyed', 'failed', 'stopped') ORDER BY created_at"
)


def show(paths: LabPaths) -> bool:
    """Print the state of the lab; says whether it is up and well."""
    mounted = store.is_mounted(paths)
    _line("store", _store(paths) if mounted else "not mounted")
    _line("golden snapshot", _snapshot(paths) if mounted else "unknown until the store is mounted")
    kind, host = hosts.chosen(paths), hosts.find(paths)
    if host is None:
        _line("host", f"{hosts.chosen_name(paths)}: down; python -m lab up")
        return False
    _line("deployment", deployment.chosen(paths).name)
    stale = "" if kind.is_current(paths) else "; out of date: python -m lab up"
    _line("host", f"{hosts.chosen_name(paths)}: up, {host.told}{stale}")
    try:
        states = {"systemd": _systemd(host), **_units(paths, host), "controller API": _controller(host)}
        vms = live_vms(host)
    except HarnessError as error:
        _line("host", f"does not answer: {error}")
        return False
    for name, (state, well) in states.items():
        _line(name, state if well else f"{state}; python -m lab up")
    for vm in vms:
        _line("VM", "  ".join(vm))
    _line("VMs", f"{len(vms)} live")
    _line("site profile", str(paths.site) if paths.site.exists() else "missing; python -m lab up")
    return all(well for _, well in states.values()) and paths.site.exists()


def live_vms(host: Host) -> list[list[str]]:
    """Id, address, status and process id of every live VM."""
    words = ["runuser", "-u", "postgres", "--", "psql", "-XAtq", "-F", "\t", "-c", _LIVE_VMS]
    return [line.split("\t") for line in access.ask(host, *words).stdout.splitlines()]


def address_of(host: Host, vm_id: str) -> str:
    """The address of the one live VM whose id begins so.

    :raises UsageError: there is none, or more than one.
    """
    vms = live_vms(host)
    found = [vm for vm in vms if vm[0].startswith((vm_id, f"vm-{vm_id}"))]
    if len(found) != 1:
        known = ", ".join(vm[0] for vm in vms) or "none"
        raise UsageError(f"{len(found)} live VMs begin with {vm_id}", hint=f"live VMs: {known}")
    return found[0][1]


def _line(name: str, text: str) -> None:
    print(f"{name:28} {text}")


def _store(paths: LabPaths) -> str:
    room = shutil.disk_usage(paths.store)
    return f"{paths.store}: {room.used >> 20} MiB used, {room.free >> 20} MiB free"


def _snapshot(paths: LabPaths) -> str:
    kind = hosts.chosen(paths)
    if why := kind.why_rebuild(paths):
        return f"out of date: {why}"
    return f"up to date, built {json.loads(kind.manifest(paths).read_text())['created_at']}"


def _systemd(host: Host) -> tuple[str, bool]:
    state = access.ask(host, "systemctl", "is-system-running", check=False).stdout.strip()
    return state, state == "running"


def units(paths: LabPaths) -> tuple[str, ...]:
    """All that must run."""
    # The first of them is enabled by Debian's package.
    return (debian.chosen(paths).database_unit, *tree.units(paths))


def _units(paths: LabPaths, host: Host) -> dict[str, tuple[str, bool]]:
    words = ("systemctl", "show", "--property=Id,ActiveState,SubState,MainPID", *units(paths))
    found: dict[str, tuple[str, bool]] = {}
    for block in access.ask(host, *words).stdout.strip().split("\n\n"):
        unit = dict(line.split("=", 1) for line in block.splitlines())
        text = f"{unit['ActiveState']} ({unit['SubState']})"
        found[unit["Id"]] = (text, unit["ActiveState"] == "active")
    return found


def _controller(host: Host) -> tuple[str, bool]:
    answer = access.ask(host, *HEALTH, check=False)
    return (answer.stdout or answer.stderr).strip(), answer.status == 0
