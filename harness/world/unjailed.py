"""VMs that have something outside of their jails, where the profile names no other place for it.

What such a VM leaves there is looked for nowhere: then nobody can tell that nothing is left.
"""

from __future__ import annotations

from harness.database.vm_rows import LiveRow
from harness.errors import SiteError, TransportError
from harness.findings import Finding
from harness.host.facts import Asked, ask_host
from harness.host.parts import Process
from harness.text import beginning
from harness.world.inventory import Inventory


def outside_of_jails(inventory: Inventory) -> list[Finding]:
    """Live VMs whose VMM is in no jail, and live rows whose socket lies on the host beside the jails."""
    state = inventory.site.state
    vmms = _vmms_outside(inventory) if state.vms_dir is None else []
    return vmms + (_sockets_outside(inventory) if state.sockets_dir is None else [])


def whereabouts(host: Asked) -> str:
    """How many jails there are, and the VMMs that are in none: whose these are nobody can tell without rows.

    :raises SiteError: the jails cannot be looked at.
    """
    base = host.site.state.jails_dir
    inventory = Inventory(host.site, ask_host(host, parts=("processes", "jails")), ())
    try:
        jails = inventory.jails.jails
    except TransportError as error:
        raise SiteError(
            f"state.jails_dir: {base}: {error.message}",
            hint="name the jailer's --chroot-base-dir; where no jailer is used, the folders of VMs",
        ) from error
    pids = [str(one.pid) for one in unjailed(inventory)]
    named = f"; VMMs in none of them: {beginning(', '.join(pids), 60)}"
    beside = f"{named}: where one is this site's, name the folders of such VMs"
    return f"{len(jails)} in {base}" + (beside if pids else "")


def unjailed(inventory: Inventory) -> list[Process]:
    """Living VMMs that are in no jail of the site's."""
    jailed = {pid for one in inventory.jails.jails for pid in one.pids}
    return [one for one in inventory.processes.vmms if not one.defunct and one.pid not in jailed]


def _vmms_outside(inventory: Inventory) -> list[Finding]:
    """Those of no live row are strays, or another site's."""
    why = f"in no jail below {inventory.site.state.jails_dir}, so its state lies in a folder: state.vms_dir"
    return [
        Finding(f"unjailed {one.pid} {one.started}", f"pid {one.pid}, the VMM of {rows[0].vm_id}", why)
        for one in unjailed(inventory)
        if (rows := inventory.claimants(one))
    ]


def _sockets_outside(inventory: Inventory) -> list[Finding]:
    why = "in no jail, but in a folder: state.sockets_dir"
    return [
        Finding(f"outside {one.vm_id}", f"{one.socket_path}, of {one.vm_id}", why)
        for one in inventory.rows
        if _is_outside(inventory, one)
    ]


def _is_outside(inventory: Inventory, row: LiveRow) -> bool:
    """What a row names as its jail has it may be there on the host, too: then it is another thing."""
    path = row.socket_path or ""
    folders = (f"{inventory.plain(one).rstrip('/')}/" for one in inventory.site.state.folders)
    if inventory.paths.get(path) is None or inventory.plain(path).startswith(tuple(folders)):
        return False
    jails = inventory.jails_of(row)
    inside = {one.path for jail in jails for one in jail.sockets}
    return inside.isdisjoint(f"{jail.path}/root{path}" for jail in jails)
