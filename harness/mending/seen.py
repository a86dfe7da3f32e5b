"""One look at host and database, as a plan needs it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from harness.database import vm_rows
from harness.database.connection import Database
from harness.errors import CommandError
from harness.host.facts import INVENTORY, Asked, ask_host
from harness.mend import shell_line
from harness.mending.rows_seen import RowsSeen, see_rows
from harness.run import Result
from harness.world.inventory import Inventory

_UNIT = ("LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload")
_UNIT_S = 20.0


class Machine(Asked, Protocol):
    """What is needed of a host; :class:`harness.host.hypervisor.Hypervisor` has it."""

    def script(self, text: str, *, timeout_s: float) -> Result:
        """Run a shell script there as root."""


@dataclass(frozen=True)
class Seen:
    """The host's things held against the live rows, the rows to mend, and the controller's unit."""

    inventory: Inventory
    rows: RowsSeen
    unit: Mapping[str, str]

    @cached_property
    def kept(self) -> Inventory:
        """The same things held against the rows that are neither live nor destroyed."""
        return Inventory(self.inventory.site, self.inventory.facts, self.rows.kept)


def look(machine: Machine, database: Database, *, claims: Collection[str], emergency: bool = False) -> Seen:
    """Look once; nothing is changed."""
    site = machine.site
    live = vm_rows.live_rows(database, site)  # first, so that their sockets can be asked for by name
    paths = {row.socket_path for row in live if row.socket_path}
    inventory = Inventory(site, ask_host(machine, parts=INVENTORY, paths=paths), live)
    with database.transaction("the rows that are to be mended") as connection:
        vms = [row.vm_id for row in live]
        rows = see_rows(connection, site, claims=claims, vms=vms, all_browsers=emergency)
    return Seen(inventory, rows, _unit(machine))


def _unit(machine: Machine) -> Mapping[str, str]:
    show = ("systemctl", "show", "-p", ",".join(_UNIT), "--", machine.site.controller.unit)
    done = machine.script(shell_line(show), timeout_s=_UNIT_S)
    if done.status != 0:
        raise CommandError(f"{shell_line(show)}: {done.stderr.strip()[-500:]}")
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {name: value for name, _, value in pairs}
