"""Rows of ``vms`` and ``auth_sessions`` whole, as JSON has them: those of a session, and the newest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from harness.database.connection import Database
from harness.database.tables import Tables, ask_tables, read_tables, tables_cursor
from harness.site.profile import DatabaseSection

NEWEST = 500
"""So many rows of each table are compared."""

Row = Mapping[str, Any]
Rows = Mapping[str, Row]
"""By key."""


@dataclass(frozen=True)
class SessionRows:
    """The rows of one session and its VM; None where there is none."""

    session: Row | None
    vm: Row | None


@dataclass(frozen=True)
class NewestRows:
    """The newest rows of both tables."""

    vms: Rows
    sessions: Rows


def rows_of(database: Database, settings: DatabaseSection, *, session: str, vm_id: str) -> SessionRows:
    """The rows of one session and its VM, at one moment.

    :raises DatabaseError: not asked, or our role may not see every row.
    """
    with database.transaction("the rows of a session") as connection:
        tables = _tables(connection, settings)
        sessions = _keyed(connection, tables, "sessions", keys=[session])
        vms = _keyed(connection, tables, "vms", keys=[vm_id])
    return SessionRows(sessions.get(session), vms.get(vm_id))


def newest_rows(
    database: Database, settings: DatabaseSection, *, among: NewestRows | None = None
) -> NewestRows:
    """The newest rows of both tables, at one moment; or, of the rows ``among`` them, what those are now.

    :raises DatabaseError: not asked, or our role may not see every row.
    """
    with database.transaction("the newest rows") as connection:
        tables = _tables(connection, settings)
        return NewestRows(
            _keyed(connection, tables, "vms", keys=list(among.vms) if among else None),
            _keyed(connection, tables, "sessions", keys=list(among.sessions) if among else None),
        )


def is_destroyed(vm: Row | None, settings: DatabaseSection) -> bool:
    """Whether the row of a VM says that it was destroyed, and when."""
    row = vm or {}
    return row.get("status") == settings.destroyed_vm_status and bool(row.get("destroyed_at"))


def is_over(session: Row | None, settings: DatabaseSection) -> bool:
    """Whether the row of a session says that it ended, and when."""
    row = session or {}
    return row.get("status") in settings.finished_session_statuses and bool(row.get("completed_at"))


def _tables(connection: psycopg.Connection[Any], settings: DatabaseSection) -> Tables:
    cursor = tables_cursor(connection)
    ask_tables(cursor, settings)
    tables = read_tables(cursor, settings)
    tables.require("vms", "sessions")
    return tables


def _keyed(
    connection: psycopg.Connection[Any], tables: Tables, which: str, *, keys: Sequence[str] | None
) -> Rows:
    asked, key, age = (
        (tables.vms, "vm_id", "created_at")
        if which == "vms"
        else (tables.sessions, "session_id", tables.age_column or "started_at")
    )
    name, table = sql.Identifier(key), sql.Identifier(tables.schema, asked.name)
    where = sql.SQL("WHERE r.{}::text = ANY(%s)" if keys is not None else "WHERE %s::text[] IS NULL")
    query = sql.SQL("SELECT r.{}::text, to_jsonb(r) FROM {} AS r {} ORDER BY r.{} DESC NULLS LAST LIMIT {}")
    composed = query.format(name, table, where.format(name), sql.Identifier(age), sql.Literal(NEWEST))
    return dict(connection.execute(composed, [keys]).fetchall())
