"""The things of VMs on the host: process, socket, TAP, folder. Pure: an inventory in, names out.

All of them, each named for good with the live VM that it belongs to; and those of one VM.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.database.vm_rows import LiveRow
from harness.findings import Finding
from harness.text import beginning
from harness.world.inventory import Inventory
from harness.world.promises import rows_without_process, rows_without_socket, rows_without_tap, socket_kind

Things = Mapping[str, str | None]
"""By name, whose first word is the kind: the id of its live VM, or None where it has none."""


def things_of(inventory: Inventory) -> Things:
    """Folders, sockets, TAPs and processes."""
    found: dict[str, str | None] = {}
    for entry in inventory.entries:
        found[f"entry {entry.path}"] = _id(inventory.owner_of_entry(entry))
    for socket in inventory.api_sockets:
        found[f"socket {inventory.plain(socket.path)}"] = _id(inventory.owner_of_socket(socket))
    for tap in inventory.vm_taps:
        inside = "" if tap.netns == inventory.taps.host_netns else f" in namespace {tap.netns}"
        found[f"tap {tap.name} index {tap.index}{inside}"] = _id(inventory.owner_of_tap(tap))
    for name in inventory.namespaces:
        found[f"namespace {name}"] = _id(inventory.owner_of_namespace(name))
    for process in inventory.processes.vmms:
        claimed = next(iter(inventory.claimants(process)), None)
        name = f"process pid {process.pid} started {process.started} {beginning(process.command, 200)}"
        found[name] = _id(claimed)
    return found


def nobodys(inventory: Inventory) -> list[Finding]:
    """Things that belong to no live VM: left by a VM, or of one that is just coming or going."""
    return [
        Finding(name, name, "no live row") for name, vm_id in things_of(inventory).items() if vm_id is None
    ]


def kind_of(name: str) -> str:
    """A thing's kind."""
    return name.partition(" ")[0]


def processes(inventory: Inventory, row: LiveRow) -> list[str]:
    """The processes that name the VM, defunct ones included."""
    return [
        f"pid {one.pid}: {beginning(one.command, 200)}"
        for one in inventory.processes.vmms
        if inventory.names(one, row)
    ]


def sockets(inventory: Inventory, row: LiveRow) -> list[str]:
    """What lies at the path of the VM's socket, and beside that under the VM's name."""
    named = [one.path for one in inventory.sockets_named(row)]
    if row.socket_path and socket_kind(inventory, row, row.socket_path) is not None:
        named.append(row.socket_path)
    return list(dict.fromkeys(map(inventory.plain, named)))


def taps(inventory: Inventory, row: LiveRow) -> list[str]:
    """The TAP devices that are the VM's, and the network namespaces that are called by it."""
    spaces = (name for name in inventory.namespaces if inventory.is_called_by(name, row))
    return [*(one.name for one in inventory.taps_of(row)), *(f"network namespace {name}" for name in spaces)]


def tap_told(inventory: Inventory, row: LiveRow) -> str | None:
    """What the row says that its TAP device is; with its namespace, where all of them are called so."""
    name = row.tap_device
    if name is None or not inventory.site.state.is_every_vms(name):
        return name
    found = [one.netns for one in inventory.taps_of(row) if one.name == name]
    return " and ".join([name, *(f"in network namespace {netns}" for netns in found)])


def socket_told(inventory: Inventory, row: LiveRow) -> str | None:
    """The path of the row's socket; the host's, where the row has it as its jail does."""
    path = row.socket_path or ""
    sockets = {one.path for jail in inventory.jails_of(row) for one in jail.sockets}
    outside = (f"{jail.path}/root{path}" for jail in inventory.jails_of(row))
    return next((one for one in outside if one in sockets), row.socket_path)


def folders(inventory: Inventory, row: LiveRow) -> list[str]:
    """Entries of the folder of VM state that begin with the VM's id, and what the jailer made for it."""
    return [one.path for one in inventory.entries if inventory.is_of(one, row)]


THINGS: Mapping[str, Callable[[Inventory, LiveRow], list[str]]] = {
    "process": processes,
    "socket": sockets,
    "tap": taps,
    "folder": folders,
}
"""Each kind of thing that a VM has on the host."""


def missing(inventory: Inventory, row: LiveRow, kind: str) -> str:
    """Why a live VM's thing is not as its row promises; empty where it is."""
    if kind == "folder":
        return (
            ""
            if folders(inventory, row)
            else f"nothing in {inventory.site.state.home} begins with {row.vm_id}"
        )
    judge = {"process": rows_without_process, "socket": rows_without_socket, "tap": rows_without_tap}[kind]
    alone = Inventory(inventory.site, inventory.facts, (row,))
    return "; ".join(one.why for one in judge(alone))


def remains(inventory: Inventory, row: LiveRow) -> dict[str, list[str]]:
    """What there is of a VM, by kind; kinds of which there is nothing are left out."""
    found = {kind: things(inventory, row) for kind, things in THINGS.items()}
    return {kind: things for kind, things in found.items() if things}


def _id(row: LiveRow | None) -> str | None:
    return row.vm_id if row else None
