"""Host and database at about one moment: things of VMs, the host's network, the golden snapshot, rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.database import vm_rows
from harness.database.connection import Database
from harness.database.vm_rows import LiveRow
from harness.database.whole_rows import NewestRows, newest_rows
from harness.findings import Finding, lasting_findings
from harness.host.facts import INVENTORY, HostFacts, ask_host
from harness.host.hypervisor import Hypervisor
from harness.host.parts import Bridge, DirectoryEntry
from harness.site.profile import SnapshotSection
from harness.world.inventory import Inventory
from harness.world.things import nobodys


@dataclass(frozen=True)
class World:
    """One look."""

    inventory: Inventory
    rows: NewestRows
    nobodys: Collection[Finding]
    """Things of VMs that belong to no live VM; of several looks, those that belonged to none at any."""

    @property
    def facts(self) -> HostFacts:
        """The host's answer."""
        return self.inventory.facts

    @property
    def bridge(self) -> Bridge | None:
        """The bridge."""
        return self.facts.bridge

    @property
    def firewall(self) -> Mapping[str, Any]:
        """Rule sets as their tools print them."""
        return self.facts.part("firewall", dict[str, Any])

    @property
    def golden(self) -> dict[str, DirectoryEntry | None]:
        """The golden snapshot's files, by path."""
        paths = self.inventory.paths
        return {path: paths.get(path) for path in golden_files(self.inventory.site.snapshot)}


def look_at_world(hypervisor: Hypervisor, database: Database, *, since: World | None = None) -> World:
    """Look at host and database, one round trip to each.

    :param since: an earlier look: its rows are looked at again, instead of the newest.
    """
    site = hypervisor.site
    rows = vm_rows.live_rows(database, site)
    parts = (*INVENTORY, "bridge", "firewall")
    facts = ask_host(hypervisor, parts=parts, paths={*golden_files(site.snapshot), *_sockets(rows)})
    newest = newest_rows(database, site.database, among=since.rows if since else None)
    inventory = Inventory(site, facts, rows)
    return World(inventory, newest, nobodys(inventory))


def look_until_settled(
    ask: Callable[[], World], suspects: Callable[[World], list[Finding]], *, timeout_s: float
) -> tuple[World, list[Finding]]:
    """Look until nothing is suspect, or the time is over: the last look, and what was suspect at each."""
    looks: list[World] = []

    def again() -> list[Finding]:
        looks.append(ask())
        return suspects(looks[-1])

    left = lasting_findings(again(), again, what="the site settles", timeout_s=timeout_s)
    return looks[-1], left


def look_before(hypervisor: Hypervisor, database: Database) -> World:
    """Look before anything is done, until VMs that are coming or going have come or gone."""
    world, left = look_until_settled(
        lambda: look_at_world(hypervisor, database),
        lambda seen: list(seen.nobodys),
        timeout_s=hypervisor.site.host.settle_s,
    )
    return replace(world, nobodys=left)


def look_at_vms(hypervisor: Hypervisor, rows: Collection[LiveRow]) -> Inventory:
    """Only what VMs have on the host, held against these rows."""
    return Inventory(
        hypervisor.site, ask_host(hypervisor, parts=INVENTORY, paths=_sockets(rows)), tuple(rows)
    )


def golden_files(snapshot: SnapshotSection) -> list[str]:
    """The files that every VM is made from."""
    files = (
        snapshot.vmstate,
        snapshot.memory,
        snapshot.disk,
        snapshot.kernel,
        snapshot.initrd,
        snapshot.manifest,
    )
    return [path for path in files if path]


def _sockets(rows: Collection[LiveRow]) -> set[str]:
    return {row.socket_path for row in rows if row.socket_path}
