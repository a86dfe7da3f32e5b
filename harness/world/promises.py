"""What a live row of ``vms`` promises, and whether the host keeps it. Pure: an inventory in, findings out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address

from harness.database.cleanup import destroy_vms
from harness.database.vm_rows import LiveRow
from harness.findings import Finding
from harness.mend import Mend
from harness.text import beginning
from harness.world.inventory import Inventory
from harness.world.strays import killed


def rows_without_process(inventory: Inventory) -> list[Finding]:
    """Live rows whose pid is not the VMM of their VM."""
    return _broken(inventory, "process", _pid_fault)


def _pid_fault(inventory: Inventory, row: LiveRow) -> str:
    pid = row.firecracker_pid
    named = ", ".join(str(one.pid) for one in inventory.named_by(row))
    instead = f"; its VMM is pid {named}" if named else "; no VMM names this VM"
    if pid is None:
        launching = row.status in inventory.site.database.launching_vm_statuses
        return "" if launching and named else f"no pid in the row{instead}"
    if pid not in inventory.processes.names:
        return f"pid {pid} does not run{instead}"
    process = inventory.vmm(pid)
    if process is None:
        return f"pid {pid} is {inventory.processes.names[pid]}, not a VMM of the site{instead}"
    if process.defunct:
        return f"pid {pid} is defunct{instead}"
    return (
        ""
        if inventory.names(process, row)
        else f"pid {pid} is another VM's: {beginning(process.command, 160)}{instead}"
    )


def rows_without_socket(inventory: Inventory) -> list[Finding]:
    """Live rows whose API socket is not there, or is no socket."""
    return _broken(inventory, "socket", _socket_fault)


def _socket_fault(inventory: Inventory, row: LiveRow) -> str:
    if row.socket_path is None:
        return "" if inventory.sockets_named(row) else "no socket_path in the row, and no socket of its name"
    kind = socket_kind(inventory, row, row.socket_path)
    if kind is None:
        return f"{row.socket_path} does not exist"
    return "" if kind == "socket" else f"{row.socket_path} is no socket, but: {kind}"


def socket_kind(inventory: Inventory, row: LiveRow, path: str) -> str | None:
    """What lies at the path of a row's socket: from the folder of sockets, or asked for by name, or in its
    jail, where the path is as its VMM has it. None where nothing does."""
    jailed = [(f"{jail.path}/root{path}", one) for jail in inventory.jails_of(row) for one in jail.sockets]
    inside = next((one for place, one in jailed if path.startswith("/") and one.path == place), None)
    entry = inside or inventory.paths.get(path) or inventory.socket_at(path)
    return entry.kind if entry else None


def rows_without_tap(inventory: Inventory) -> list[Finding]:
    """Live rows without their TAP, or whose TAP is down, another VM's too, or on the host and no port of the
    bridge."""
    return _broken(inventory, "tap", _tap_fault)


def _tap_fault(inventory: Inventory, row: LiveRow) -> str:
    # The column may name a device outside the prefix, so all TAPs count here.
    state, taps = inventory.site.state, inventory.taps_of(row)
    if not taps:
        names = sorted(inventory.tap_names(row))
        within = " in a network namespace of its own" if all(map(state.is_every_vms, names)) else ""
        return f"no TAP called {' or '.join(names)}{within}"
    bridge = inventory.site.network.bridge
    tap = taps[0]
    if tap.netns == inventory.taps.host_netns and tap.master != bridge:
        return f"its TAP {tap.name} is no port of {bridge}, but of {tap.master or 'no bridge'}"
    if others := inventory.sharers(row, tap):
        return f"its TAP {tap.name} is also that of {', '.join(one.vm_id for one in others[:3])}"
    return "" if tap.up else f"its TAP {tap.name} is down"


def bad_addresses(inventory: Inventory) -> list[Finding]:
    """Live rows with no address, one outside the range, or one that another live row has, too."""
    network, found = inventory.site.network, []
    holders: dict[IPv4Address, list[LiveRow]] = defaultdict(list)
    for row in inventory.rows:
        try:
            address = IPv4Address((row.ip_address or "").partition("/")[0])
        except AddressValueError:
            if row.ip_address or _needs_address(inventory, row):
                found.append(_finding(inventory, row, "address", f"address: {row.ip_address or 'none'}"))
            continue
        holders[address].append(row)
        if address == network.bridge_address.ip:
            found.append(_finding(inventory, row, "address", f"address {address} is the bridge's own"))
        elif not network.first_vm <= address <= network.last_vm:
            fault = f"address {address} is outside {network.first_vm} to {network.last_vm}"
            found.append(_finding(inventory, row, "address", fault))
    for address, rows in sorted(holders.items()):
        if len(rows) > 1:
            for row in rows:
                found.append(
                    _finding(inventory, row, "shared", f"address {address} is in {len(rows)} live rows")
                )
    return found


def _needs_address(inventory: Inventory, row: LiveRow) -> bool:
    return inventory.expects_process(row) and row.status not in inventory.site.database.launching_vm_statuses


def _broken(inventory: Inventory, what: str, fault_of: Callable[[Inventory, LiveRow], str]) -> list[Finding]:
    """A finding for each row that promises a process, and of whose thing there is a fault to tell."""
    faults = ((row, fault_of(inventory, row)) for row in inventory.rows if inventory.expects_process(row))
    return [_finding(inventory, row, what, fault) for row, fault in faults if fault]


def _finding(inventory: Inventory, row: LiveRow, what: str, why: str) -> Finding:
    """The row is a promise: end what is left of the VM, then say so in the row (runbook steps 1 and 2)."""
    kills = [killed(one) for one in inventory.named_by(row)]
    mends: tuple[Mend, ...] = (*kills, destroy_vms(inventory.site.database, [row.vm_id]))
    return Finding(f"row {row.vm_id} {what}", str(row), why, mends)
