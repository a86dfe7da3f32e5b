"""All things of VMs on the host, each named for good, and the live VM that it belongs to. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.database.vm_rows import LiveRow
from harness.findings import Finding
from harness.inventory import Inventory, name_of

Things = Mapping[str, str | None]
"""By name, whose first word is the kind: the id of its live VM, or None where it has none."""


def things_of(world: Inventory) -> Things:
    """Folders, sockets, TAPs and processes."""
    found: dict[str, str | None] = {}
    for entry in world.entries:
        found[f"entry {entry.path}"] = _id(world.owner(name_of(entry)))
    for socket in world.api_sockets:
        path = world.plain(socket.path)
        by_path = next((r for r in world.rows if r.socket_path and world.plain(r.socket_path) == path), None)
        found[f"socket {path}"] = _id(by_path or world.owner(name_of(socket)))
    for tap in world.vm_taps:
        by_name = next((row for row in world.rows if world.has_tap(row, tap)), None)
        inside = "" if tap.netns == world.taps.host_netns else f" in namespace {tap.netns}"
        found[f"tap {tap.name} index {tap.index}{inside}"] = _id(by_name)
    for process in world.processes.vmms:
        claimed = next((row for row in world.rows if world.names(process, row)), None)
        name = f"process pid {process.pid} started {process.started} {process.command[:200]}"
        found[name] = _id(claimed)
    return found


def nobodys(world: Inventory) -> list[Finding]:
    """Those that belong to no live VM: left by one, or of one that is just coming or going."""
    return [Finding(name, name, "no live row") for name, vm_id in things_of(world).items() if vm_id is None]


def kind_of(name: str) -> str:
    """A thing's kind."""
    return name.partition(" ")[0]


def _id(row: LiveRow | None) -> str | None:
    return row.vm_id if row else None
