"""What one VM has on the host: process, socket, TAP, folder. Pure: an inventory and a row in, names out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.database.vm_rows import LiveRow
from harness.inventory import Inventory, begins, name_of
from harness.live_rows import rows_without_process, rows_without_socket, rows_without_tap, socket_kind


def processes(world: Inventory, row: LiveRow) -> list[str]:
    """The processes that name the VM, defunct ones included."""
    return [f"pid {one.pid}: {one.command[:200]}" for one in world.processes.vmms if world.names(one, row)]


def sockets(world: Inventory, row: LiveRow) -> list[str]:
    """What lies at its socket's path, and beside it under the VM's name."""
    named = [one.path for one in world.api_sockets if begins(name_of(one), row.vm_id)]
    if row.socket_path and socket_kind(world, row.socket_path) is not None:
        named.append(row.socket_path)
    return list(dict.fromkeys(map(world.plain, named)))


def taps(world: Inventory, row: LiveRow) -> list[str]:
    """TAP devices of its name."""
    return [one.name for one in world.taps.taps if world.has_tap(row, one)]


def folders(world: Inventory, row: LiveRow) -> list[str]:
    """Entries of the folder of VM state that begin with its id."""
    return [one.path for one in world.entries if begins(name_of(one), row.vm_id)]


THINGS: Mapping[str, Callable[[Inventory, LiveRow], list[str]]] = {
    "process": processes,
    "socket": sockets,
    "tap": taps,
    "folder": folders,
}
"""Each kind of thing that a VM has on the host."""


def missing(world: Inventory, row: LiveRow, kind: str) -> str:
    """Why a live VM's thing is not as its row promises; empty where it is."""
    if kind == "folder":
        return "" if folders(world, row) else f"nothing in {world.site.state.vms_dir} begins with {row.vm_id}"
    judge = {"process": rows_without_process, "socket": rows_without_socket, "tap": rows_without_tap}[kind]
    alone = Inventory(world.site, world.facts, (row,))
    return "; ".join(one.why for one in judge(alone))


def remains(world: Inventory, row: LiveRow) -> dict[str, list[str]]:
    """What there is of a VM, by kind; kinds of which there is nothing are left out."""
    found = {kind: things(world, row) for kind, things in THINGS.items()}
    return {kind: things for kind, things in found.items() if things}
