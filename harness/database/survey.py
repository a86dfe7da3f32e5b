"""How a deployment's tables are called and what stands in them, for whoever writes its profile."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from harness.database.connection import Database
from harness.site.profile import DatabaseSection

VMS, SESSIONS = ("vm_id", "tap_device", "socket_path"), ("session_id", "browser_vm_id")
"""Columns by which a table is known, whatever it is called."""
_LIVE_FIRST = "tap_device IS NULL OR socket_path IS NULL"
_MOST_ROWS, _MOST_VALUES, _LOOKED_AT = 50, 40, 20_000

_TABLES = """
SELECT n.nspname::text AS schema, c.relname::text AS name,
       array_agg(a.attname::text) AS columns,
       (SELECT f.relname::text FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid
        WHERE k.conrelid = c.oid AND k.contype = 'f' AND f.relnamespace = c.relnamespace
          AND k.conkey = (SELECT array_agg(attnum) FROM pg_attribute
                          WHERE attrelid = c.oid AND attname = 'user_id' AND NOT attisdropped)
        LIMIT 1) AS users
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
GROUP BY c.oid, n.nspname, c.relname
HAVING array_agg(a.attname::text) @> %(vms)s::text[] OR array_agg(a.attname::text) @> %(sessions)s::text[]
"""
_ADMITS = """
SELECT coalesce((SELECT array_agg(e.enumlabel::text) FROM pg_enum e WHERE e.enumtypid = a.atttypid), '{}'),
       coalesce((SELECT array_agg(pg_get_expr(k.conbin, k.conrelid)) FROM pg_constraint k
                 WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum]), '{}')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = %(schema)s
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = %(column)s
WHERE c.relname = %(table)s
"""


@dataclass(frozen=True)
class SeenTable:
    """A table that has the columns of one of ours."""

    schema: str
    name: str
    columns: tuple[str, ...]
    users: str = ""
    """The table beside it that its user_id refers to."""


@dataclass(frozen=True)
class Values:
    """What stands in a column: of a table's first rows, or all that the catalogue admits."""

    seen: tuple[str, ...] = ()
    admitted: tuple[str, ...] = ()
    """By a CHECK or an enum; empty where neither says."""


@dataclass(frozen=True)
class SeenDatabase:
    """What a database says of how a deployment uses it."""

    vms: tuple[SeenTable, ...] = ()
    sessions: tuple[SeenTable, ...] = ()
    rows: tuple[Mapping[str, str | None], ...] = ()
    """A few rows of VMs, those with a device first."""
    values: Mapping[str, Values] = field(default_factory=dict)
    """Of vms.status, vms.vm_type, sessions.status and sessions.provider."""
    incident_vm: bool = False
    incident_session: bool = False
    through_host: bool = False


def look(database: Database, *, through_host: bool) -> SeenDatabase:
    """Look at one database, in one read-only transaction.

    :raises DatabaseError: it could not be asked.
    """
    with database.transaction("how the deployment's tables are called") as connection:
        cursor = connection.cursor(row_factory=dict_row)
        cursor.execute(_TABLES, {"vms": list(VMS), "sessions": list(SESSIONS)})
        tables = [
            SeenTable(row["schema"], row["name"], tuple(row["columns"]), row["users"] or "")
            for row in cursor.fetchall()
        ]
        vms = tuple(one for one in tables if set(VMS) <= set(one.columns))
        sessions = tuple(one for one in tables if set(SESSIONS) <= set(one.columns))
        values, usual = {}, DatabaseSection()
        for kind, found, columns in (
            ("vms", vms, ("status", "vm_type")),
            ("sessions", sessions, ("status", "provider")),
        ):
            for column in columns if len(found) == 1 and set(columns) <= set(found[0].columns) else ():
                values[f"{kind}.{column}"] = _values(connection, found[0], column)
        return SeenDatabase(
            vms,
            sessions,
            _rows(connection, vms[0]) if len(vms) == 1 else (),
            values,
            len(vms) == 1 and _has(connection, vms[0], "vm_id", usual.incident_vm),
            len(sessions) == 1 and _has(connection, sessions[0], "session_id", usual.incident_session),
            through_host,
        )


def _rows(connection: psycopg.Connection[Any], table: SeenTable) -> tuple[Mapping[str, str | None], ...]:
    names = [one for one in (*VMS, "ip_address") if one in table.columns]
    shown = sql.SQL(", ").join(sql.SQL("{0}::text AS {0}").format(sql.Identifier(one)) for one in names)
    asked = sql.SQL("SELECT {} FROM {} WHERE vm_id IS NOT NULL ORDER BY {} LIMIT {}").format(
        shown,
        sql.SQL("(SELECT * FROM {} LIMIT {}) AS first").format(_name(table), sql.Literal(_LOOKED_AT)),
        sql.SQL(_LIVE_FIRST),
        sql.Literal(_MOST_ROWS),
    )
    return tuple(connection.cursor(row_factory=dict_row).execute(asked).fetchall())


def _values(connection: psycopg.Connection[Any], table: SeenTable, column: str) -> Values:
    asked = sql.SQL(
        "SELECT DISTINCT {0}::text FROM (SELECT {0} FROM {1} LIMIT {2}) AS first LIMIT {3}"
    ).format(sql.Identifier(column), _name(table), sql.Literal(_LOOKED_AT), sql.Literal(_MOST_VALUES))
    seen = [row[0] for row in connection.execute(asked).fetchall() if row[0]]
    which = {"schema": table.schema, "table": table.name, "column": column}
    ((labels, checks),) = connection.execute(_ADMITS, which).fetchall()
    return Values(tuple(sorted(seen)), tuple(labels or _listed(checks)))


def _listed(checks: Sequence[str]) -> list[str]:
    """The values of a CHECK that is a list of them, as PostgreSQL writes it."""
    for one in checks:
        if re.fullmatch(r"\(+\w+\)*(::text)? = ANY \(+ARRAY\[.*\]\)*(::text\[\])?\)+", one.replace('"', "")):
            return re.findall(r"'([^']*)'::", one)
    return []


def _has(connection: psycopg.Connection[Any], table: SeenTable, column: str, value: str | None) -> bool:
    asked = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {}::text = {})").format(
        _name(table), sql.Identifier(column), sql.Literal(value)
    )
    ((there,),) = connection.execute(asked).fetchall()
    return bool(there)


def _name(table: SeenTable) -> sql.Identifier:
    return sql.Identifier(table.schema, table.name)
