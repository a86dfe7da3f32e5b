"""Whose a thing is that has no live row: only what is the site's for certain, and nobody's, is ended. Pure.

A VM without a live row may be wanted all the same: one that stopped may start again, and one whose status
the profile does not know may be a user's. And another site may run on the very same host.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from harness.database.vm_rows import LiveRow
from harness.host.parts import Process
from harness.mend import Command, PathThing, ProcessThing, TapThing
from harness.mending.seen import Seen

NOT_BELOW = (
    "its command line names no VM in state.sockets_dir, state.vms_dir or state.jails_dir: see whose it is (it"
    " may be another site's)"
)
NOT_BY_ID = "its name does not begin with a VM's id: see whose it is, or add it to state.ignored_entries"


def not_to_end(seen: Seen, command: Command) -> str:
    """Why a thing without a live row is left all the same; empty where it is to be ended."""
    if isinstance(command.on, ProcessThing) and not _vms_of(seen, seen.inventory.vmm(command.on.pid)):
        return NOT_BELOW
    if isinstance(command.on, PathThing) and not _begins_with(seen, command.on.path):
        return NOT_BY_ID
    row = _kept_row(seen, command)
    return f"its VM has a row: {row}; it is not destroyed, so it may be wanted: decide by hand" if row else ""


def vm_of(seen: Seen, command: Command) -> str:
    """The VM that a thing without a live row is of; empty where nothing tells."""
    if isinstance(command.on, ProcessThing):
        return next(_ids_of(seen, seen.inventory.vmm(command.on.pid)), "")
    if isinstance(command.on, PathThing):
        return _begins_with(seen, command.on.path)
    return _owner_of_tap(seen, command.on) if isinstance(command.on, TapThing) else ""


def nobody_known(seen: Seen) -> str:
    """Why nothing is mended: VMMs run and no live row is theirs, or there is no row of any VM, as by the
    database of another site. By an empty one, what a VM that hibernates has would be a stray, too."""
    living = [one for one in seen.inventory.processes.vmms if not one.defunct]
    if seen.rows.empty:
        told = f"the table of VMs is empty, and {len(living)} VMMs run here"
    elif living and not any(seen.inventory.claimants(one) for one in living):
        told = f"{len(living)} VMMs run here and none has a live row"
    else:
        return ""
    return (
        f"{told}: see that this is the site's database, no copy;"
        f" if it is, say how many may be ended: --vmms={len(living)}"
    )


def _kept_row(seen: Seen, command: Command) -> LiveRow | None:
    """A row of the thing's VM that is neither live nor destroyed."""
    kept, thing = seen.kept, command.on
    if isinstance(thing, ProcessThing):
        process = kept.vmm(thing.pid)
        return next(iter(kept.claimants(process)), None) if process else None
    if isinstance(thing, TapThing):
        return next((row for row in kept.rows if _may_have(seen, row, thing)), None)
    if isinstance(thing, PathThing):
        by_path = (row for row in kept.rows if row.socket_path and _same(seen, row.socket_path, thing.path))
        by_name = (row for part in thing.path.split("/") if (row := kept.owner(part)))
        return next(by_path, None) or next(by_name, None)
    return None


def _may_have(seen: Seen, row: LiveRow, tap: TapThing) -> bool:
    """By its name; by its namespace, where that name is every VM's."""
    kept, found = seen.kept, seen.inventory.tap(tap.netns, tap.index)
    if found is not None and kept.site.state.is_every_vms(tap.name):
        return kept.has_tap(row, found)
    return tap.name in kept.tap_names(row)


def _same(seen: Seen, path: str, other: str) -> bool:
    return seen.inventory.plain(path) == seen.inventory.plain(other)


def _begins_with(seen: Seen, path: str) -> str:
    name = path.rpartition("/")[2]
    found = next(iter(seen.inventory.ids(name)), "")
    return found if name.startswith(found) else ""


def _vms_of(seen: Seen, process: Process | None) -> list[str]:
    """VMs that a command line names by a path below this site's own folders."""
    folders = [f"{folder.rstrip('/')}/" for folder in seen.inventory.site.state.folders]
    words = (word.rpartition("=")[2] for word in seen.inventory.words(process)) if process else ()
    paths = (posixpath.normpath(seen.inventory.plain(word)) for word in words if word.startswith("/"))
    return [vm for path in paths if path.startswith(tuple(folders)) for vm in seen.inventory.ids(path)]


def _ids_of(seen: Seen, process: Process | None) -> Iterator[str]:
    yield from _vms_of(seen, process)
    yield from seen.inventory.ids(process.command) if process else ()


def _owner_of_tap(seen: Seen, tap: TapThing) -> str:
    """Its name has the beginning of an id alone, and its namespace's may have a whole one: else the id itself
    is told by what else there is of the VM."""
    inventory, state = seen.inventory, seen.inventory.site.state
    within = inventory.tap(tap.netns, tap.index)
    titled = inventory.ids(within.netns_name) if within is not None else []
    named = [(one, vm) for one in inventory.processes.vmms for vm in inventory.ids(one.command)]
    inside = [vm for one, vm in named if one.netns == tap.netns != inventory.taps.host_netns]
    entries = (*inventory.told_sockets, *inventory.told_entries)
    found = [*(vm for _, vm in named), *(vm for one in entries if (vm := _begins_with(seen, one.path)))]
    called = (vm for vm in found if state.tap_of(vm) == tap.name and not state.is_every_vms(tap.name))
    return next(iter((*inside, *titled)), "") or next(called, "")
