"""The live rows of ``vms``, as the host's inventory needs them, and the database's clock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import psycopg
from psycopg import sql
from pydantic import Field

from harness.answers import read_as
from harness.clocks import Offset, narrowest
from harness.database.connection import Database
from harness.site.profile import Site

ASKS = 3


@dataclass(frozen=True)
class LiveRow:
    """A row of ``vms`` with a live status."""

    vm_id: str
    status: str
    ip_address: str | None = None
    tap_device: str | None = None
    firecracker_pid: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | None = None
    socket_path: str | None = None
    user_id: str | None = None
    vm_type: str | None = None

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> LiveRow:
        """A whole row's columns that count here; one that a deployment lacks is just absent,
        and so is one that it leaves empty.

        :raises UnreadableError: a column holds no such thing.
        """
        known = {name: columns.get(name) for name in cls.__dataclass_fields__}
        known |= {name: known[name] or None for name in ("ip_address", "tap_device", "socket_path")}
        # Whatever keys a deployment has for its users.
        known |= {name: None if known[name] is None else str(known[name]) for name in ("user_id", "vm_type")}
        return read_as(cls, known, whose=f"the row of VM {str(known['vm_id'])[:80]!r}")

    def __str__(self) -> str:
        return f"row {self.vm_id} ({self.status})"


def live_rows(database: Database, site: Site) -> list[LiveRow]:
    """Rows whose status promises a VM. As JSON, for a deployment may lack a column."""
    table = sql.Identifier(site.database.schema_name, site.database.vms_table)
    query = sql.SQL("SELECT to_jsonb(v) FROM {} v WHERE v.status = ANY(%s) ORDER BY v.vm_id").format(table)
    with database.transaction("the live rows of VMs") as connection:
        found = connection.execute(query, [list(site.database.live_vm_statuses)]).fetchall()
    return [LiveRow.of(columns) for (columns,) in found]


def database_clock(database: Database) -> Offset:
    """How far the database's clock is ahead of ours; asked a few times, for the narrowest answer."""
    with database.transaction("the database's clock") as connection:
        return narrowest([_clock_once(connection) for _ in range(ASKS)])


def _clock_once(connection: psycopg.Connection[Any]) -> Offset:
    began = time.time()
    ((moment,),) = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchall()
    return Offset.between((began, time.time()), (moment, moment))
