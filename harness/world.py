"""Host and database at about one moment: things of VMs, the host's network, the golden snapshot, rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from harness import vm_rows
from harness.host import Host
from harness.host_facts import INVENTORY, HostFacts, ask_host
from harness.host_parts import Bridge, Entry
from harness.inventory import Inventory, Row
from harness.session_rows import NewestRows, newest_rows
from harness.site import Site, SnapshotSection


@dataclass(frozen=True)
class World:
    """One look."""

    inventory: Inventory
    rows: NewestRows

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
    def golden(self) -> dict[str, Entry | None]:
        """The golden snapshot's files, by path."""
        paths = self.inventory.paths
        return {path: paths.get(path) for path in golden_files(self.inventory.site.snapshot)}


def look(host: Host, database: psycopg.Connection[Any], site: Site, *, since: World | None = None) -> World:
    """Look at all of it; one round trip to each.

    :param since: an earlier look: its rows are looked at again, instead of the newest.
    """
    rows = vm_rows.live_rows(database, site)
    parts = (*INVENTORY, "bridge", "firewall")
    facts = ask_host(host, site, parts=parts, paths={*golden_files(site.snapshot), *_sockets(rows)})
    newest = newest_rows(database, site.database, among=since.rows if since else None)
    return World(Inventory(site, facts, rows), newest)


def look_at_vms(host: Host, site: Site, rows: Collection[Row]) -> Inventory:
    """Only what VMs have on the host, held against these rows."""
    return Inventory(site, ask_host(host, site, parts=INVENTORY, paths=_sockets(rows)), tuple(rows))


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


def _sockets(rows: Collection[Row]) -> set[str]:
    return {row.socket_path for row in rows if row.socket_path}
