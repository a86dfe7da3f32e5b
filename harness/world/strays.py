"""Things on the host without a live row of ``vms``. Pure: an inventory in, findings out."""

from __future__ import annotations

from harness.findings import Finding
from harness.host.parts import ControlGroup, DirectoryEntry, Jail, Listing, Process, Tap
from harness.mend import Command, PathThing, ProcessThing, TapThing, Words, shell_line
from harness.text import beginning
from harness.world.inventory import Inventory


def stray_processes(inventory: Inventory) -> list[Finding]:
    """VMM processes without a live row."""
    return [
        Finding(
            f"process {one.pid} {one.started}",
            f"pid {one.pid} (parent {one.ppid})",
            f"no live row: {beginning(one.command, 200)}",
            (killed(one),),
        )
        for one in inventory.processes.vmms
        if not one.defunct and not any(inventory.has_process(row, one) for row in inventory.claimants(one))
    ]


def defunct_processes(inventory: Inventory) -> list[Finding]:
    """VMM processes that ended and that nobody waited for."""
    found = []
    for one in (one for one in inventory.processes.vmms if one.defunct):
        parent = inventory.processes.names.get(one.ppid, "gone")
        found.append(
            Finding(
                f"defunct {one.pid} {one.started}",
                f"pid {one.pid} (parent {one.ppid}, {parent})",
                "defunct: its parent has not waited for it, and no signal removes it",
                (Words(f"restart its parent, pid {one.ppid} ({shell_line([parent])})"),),
            )
        )
    return found


def stray_entries(inventory: Inventory) -> list[Finding]:
    """Entries in the folder of VM state without a live row."""
    return _untold(inventory.listing, inventory.site.state.vms_dir) + [
        _stray_entry(inventory, one)
        for one in inventory.told_entries
        if inventory.owner_of_entry(one) is None
    ]


def _stray_entry(inventory: Inventory, entry: DirectoryEntry) -> Finding:
    if isinstance(entry, ControlGroup):
        remove = Command(("sudo", "rmdir", "--", entry.path))
        return Finding(f"entry {entry.path}", entry.path, "no live row: a jail's control group", (remove,))
    if not isinstance(entry, Jail):
        return Finding(f"entry {entry.path}", entry.path, f"no live row: {entry.kind}", (removed(entry),))
    vmms = {one.pid: one for one in inventory.processes.vmms}
    ends = [
        killed(vmms[pid]) if pid in vmms else Words(f"see what pid {pid} is: its root is this jail")
        for pid in entry.pids
    ]
    # Removed with what is mounted in it, a jail takes a folder of snapshots along.
    frees = [Words(f"unmount first: {shell_line(['sudo', 'umount', '--', one])}") for one in entry.mounts]
    runs = f"in it runs pid {', '.join(map(str, entry.pids))}" if entry.pids else "nothing runs in it"
    listens = "".join(f"; API socket {one.path}" for one in entry.sockets)
    why = f"no live row: a jail; {runs}{listens}"
    return Finding(f"entry {entry.path}", entry.path, why, (*ends, *frees, removed(entry)))


def stray_sockets(inventory: Inventory) -> list[Finding]:
    """API sockets without a live row."""
    return _untold(inventory.sockets, inventory.site.state.sockets_dir) + [
        Finding(f"socket {one.path}", one.path, f"no live row: {one.kind}", (removed(one, how="-f"),))
        for one in inventory.told_sockets
        if inventory.owner_of_socket(one) is None
    ]


def stray_taps(inventory: Inventory) -> list[Finding]:
    """TAP devices that are called as VMs' are, and network namespaces that are called by VMs, without a live
    row."""
    return [
        Finding(
            f"tap {one.netns} {one.name} {one.index}",
            f"TAP {one.name}" + _within(inventory, one),
            "no live row",
            (deleted(inventory, one),),
        )
        for one in inventory.vm_taps
        if inventory.owner_of_tap(one) is None
    ] + [
        Finding(
            f"namespace {name}",
            f"network namespace {name}",
            "no live row: whatever leads out of it is there, too",
            (Command(("sudo", "ip", "netns", "delete", name)),),
        )
        for name in inventory.namespaces
        if inventory.owner_of_namespace(name) is None
    ]


def _untold(listing: Listing, folder: str | None) -> list[Finding]:
    """More lies in a folder than any site needs, and was not looked at; there may be no such folder."""
    if folder is None or listing.is_whole:
        return []
    told = f"only the first {len(listing.entries)} were looked at"
    return [Finding(f"rest of {folder}", folder, f"it holds {listing.count} entries, and {told}")]


def killed(process: Process) -> Command:
    """What ends a process (step 1)."""
    thing = ProcessThing(process.pid, process.started)
    return Command(("sudo", "kill", "-9", str(process.pid)), thing)


def removed(entry: DirectoryEntry, *, how: str = "-rf") -> Command:
    """What removes a file, folder or socket (step 1)."""
    return Command(
        ("sudo", "rm", how, "--", entry.path), PathThing(entry.path, entry.inode, entry.device, entry.kind)
    )


def _within(inventory: Inventory, tap: Tap) -> str:
    if tap.netns == inventory.taps.host_netns:
        return ""
    return f" in network namespace {tap.netns_name or tap.netns}"


def deleted(inventory: Inventory, tap: Tap) -> Command | Words:
    """A device is deleted in its own namespace, or not at all: the host may have one of the same name."""
    delete, thing = ("ip", "link", "delete", "dev", tap.name), TapThing(tap.name, tap.index, tap.netns)
    if tap.netns == inventory.taps.host_netns:
        return Command(("sudo", *delete), thing)
    if tap.netns_name:
        return Command(("sudo", "ip", "netns", "exec", tap.netns_name, *delete), thing)
    pid = next((one.pid for one in inventory.processes.vmms if one.netns == tap.netns), None)
    if pid is None:
        return Words(f"end what holds network namespace {tap.netns}: sudo lsns --type net")
    return Command(("sudo", "nsenter", f"--net=/proc/{pid}/ns/net", *delete), thing)
