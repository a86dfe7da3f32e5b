"""The live rows of ``vms``, as the host's inventory needs them, and the database's clock."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import sql

from harness.clocks import Offset, narrowest
from harness.errors import DatabaseError
from harness.inventory import Row
from harness.site.profile import Site

ASKS = 3


def live_rows(connection: psycopg.Connection[Any], site: Site) -> list[Row]:
    """Rows whose status promises a VM. As JSON, for a deployment may lack a column."""
    table = sql.Identifier(site.database.schema_name, site.database.vms_table)
    query = sql.SQL("SELECT to_jsonb(v) FROM {} v WHERE v.status = ANY(%s) ORDER BY v.vm_id").format(table)
    found = _asked(connection, query, [list(site.database.live_vm_statuses)])
    return [Row.of(columns) for (columns,) in found]


def database_clock(connection: psycopg.Connection[Any]) -> Offset:
    """How far the database's clock is ahead of ours; asked a few times, for the narrowest answer."""
    offsets = []
    for _ in range(ASKS):
        began = time.time()
        ((moment,),) = _asked(connection, sql.SQL("SELECT extract(epoch FROM clock_timestamp())::float8"), [])
        offsets.append(Offset.between((began, time.time()), (moment, moment)))
    return narrowest(offsets)


def _asked(
    connection: psycopg.Connection[Any], query: sql.Composed | sql.SQL, values: list[Any]
) -> list[Any]:
    try:
        # A transaction of its own: one that stays open would show the same rows at every later look.
        with connection.transaction():
            return connection.execute(query, values).fetchall()
    except psycopg.Error as error:
        text = query.as_string(connection)
        raise DatabaseError(
            f"{type(error).__name__}: {str(error).strip()}\n  query: {text}",
            hint="compare the profile's [database] with the tables; is the role allowed to read them?",
        ) from error
