"""A look at the lab: its host, its database, and this machine."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from bench.soak.here import descriptors_here, left_here
from bench.soak.seen import OnHost, Seen
from harness.answers import read_as, read_json
from harness.database.connection import read_only_session
from harness.host.hypervisor import Hypervisor
from harness.outward import told
from harness.site.profile import Site
from harness.world.look import World, look_before
from lab.minipc import access
from lab.minipc.host import Host

_PROGRAM = Path(__file__).parent / "on_host" / "look.py"
_FOLDERS = ("/run", "/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - on the host
_LOOK_S = 60.0


def look(host: Host, host_is: str, site: Site, suites: Collection[int], temporary: Path) -> Seen:
    """One look.

    :param host_is: by what the host is known until it is booted again.
    :param suites: pids that runs had which are over.
    :param temporary: the folder that was theirs for what is to go with them.
    """
    here, on_host = left_here(suites, temporary), _look_at_host(host, site)
    with (
        Hypervisor(site) as hypervisor,
        read_only_session(site, run_id=hypervisor.run_id, forward=hypervisor.forward) as database,
    ):
        world = look_before(hypervisor, database)
        reaped = hypervisor.reaped
    return Seen(
        host=host_is,
        on_host=on_host,
        nobodys=frozenset(one.thing for one in world.nobodys),
        reaped=frozenset(f"reaped: {line}" for line in reaped),
        rows=_rows(world, site),
        vmms=frozenset(one.pid for one in world.inventory.processes.vmms if world.inventory.claimants(one)),
        here=here,
        here_descriptors=descriptors_here(),
    )


def _look_at_host(host: Host, site: Site) -> OnHost:
    """Without leaving a trace there: not by the way that the suite comes."""
    state = site.state
    clones = state.clones_dir or str(Path(site.snapshot.disk).parent.parent)
    asked = json.dumps({"folders": [*_FOLDERS, clones], "others": state.folders})
    words = ("python3", "-I", "-S", "-c", _PROGRAM.read_text("utf-8"), asked)
    said = access.ask(host, *words, timeout_s=_LOOK_S).stdout
    whose = "the look at the lab's host"
    seen = read_as(OnHost, read_json(said.encode(), whose=whose), whose=whose)
    shown = tuple(one.model_copy(update={"command": told(one.command)}) for one in seen.processes)
    return seen.model_copy(update={"processes": shown})


def _rows(world: World, site: Site) -> frozenset[str]:
    """Live VMs, but for those that stay by the deployment, and sessions that are not over."""
    live = [str(one) for one in world.inventory.rows if one.vm_type not in site.session.stays]
    over = site.database.finished_session_statuses
    sessions = [
        f"session {key} ({row.get('status')})"
        for key, row in world.rows.sessions.items()
        if row.get("status") not in over
    ]
    return frozenset([*live, *sessions])
