"""The tables of a site: which columns are there, and whether our role sees every row of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from harness.errors import DatabaseError
from harness.site.profile import DatabaseSection

Expected = Mapping[str, str]
"""Column name -> the type that a query reads it as."""

_TIME = "timestamptz"
VM_COLUMNS: Expected = {
    "vm_id": "text",
    "user_id": "text",
    "vm_type": "text",
    "vcpu_count": "int",
    "memory_mb": "int",
    "ip_address": "text",
    "tap_device": "text",
    "status": "text",
    "firecracker_pid": "bigint",
    "socket_path": "text",
    "last_heartbeat": _TIME,
    "created_at": _TIME,
    "started_at": _TIME,
    "stopped_at": _TIME,
    "destroyed_at": _TIME,
}
SESSION_COLUMNS: Expected = {
    "session_id": "text",
    "user_id": "text",
    "browser_vm_id": "text",
    "provider": "text",
    "auth_url": "text",
    "status": "text",
    "completed_at": _TIME,
    "timeout_at": _TIME,
    "error_message": "text",
    "retry_count": "int",
}
SESSION_TIMES = ("created_at", "started_at")
"""A deployment has one of these, or both. The first that is there tells a session's age."""
LATER_SESSION_COLUMNS: Expected = {
    **dict.fromkeys(SESSION_TIMES, _TIME),
    "vm_id": "text",
    "last_heartbeat": _TIME,
}
"""Columns that a deployment may have."""

# One row per table asked for, whether it is there or not. Row-level security hides nothing where one
# permissive policy of ours is plainly `true` and no restrictive one stands against it.
_ASK = """
SELECT wanted AS name,
       c.oid IS NOT NULL AS there,
       coalesce(c.relkind::text, '') AS kind,
       coalesce(row_security_active(c.oid), false) AND NOT coalesce(policies.open, false) AS hidden,
       coalesce(has_schema_privilege(c.relnamespace, 'USAGE'), false) AS schema_open,
       coalesce(columns.types, '{}') AS columns,
       coalesce(columns.unreadable, '[]') AS unreadable
FROM unnest(%(tables)s::text[]) AS wanted
LEFT JOIN pg_class c ON c.relname = wanted AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
     AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
LEFT JOIN LATERAL (
    SELECT bool_or(polpermissive AND pg_get_expr(polqual, polrelid) = 'true')
           AND bool_and(polpermissive) AS open
    FROM pg_policy WHERE polrelid = c.oid AND polcmd IN ('r', '*')
     AND EXISTS (SELECT FROM unnest(polroles) AS r WHERE r = 0 OR pg_has_role(r, 'USAGE'))
) policies ON true
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(attname, format_type(atttypid, NULL)) AS types,
           jsonb_agg(attname) FILTER (WHERE NOT has_column_privilege(c.oid, attnum, 'SELECT')) AS unreadable
    FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
) columns ON true
"""


@dataclass(frozen=True)
class TableFacts:
    """One table, as the catalogue shows it to our role."""

    name: str
    there: bool
    kind: str
    hidden: bool
    """A policy of row-level security may hide rows from us."""
    schema_open: bool
    columns: dict[str, str]
    """Name -> type."""
    unreadable: list[str]

    def missing(self, expected: Expected) -> list[str]:
        """Those expected columns that are not there."""
        return [name for name in expected if name not in self.columns]

    def blocked(self, needed: Expected) -> str:
        """Why the table's rows cannot be asked about; empty where they can."""
        if not self.there:
            return f"there is no table {self.name}"
        if self.kind not in ("r", "p"):
            return f"{self.name} is no table (pg_class.relkind {self.kind!r}), so it may not show every row"
        if not self.schema_open:
            return f"our role has no USAGE on the schema of {self.name}"
        if missing := self.missing(needed):
            return f"{self.name} has no column {', '.join(missing)}"
        if denied := [name for name in self.columns if name in self.unreadable and name in needed]:
            return f"our role may not read {self.name}.{', '.join(denied)}"
        if self.hidden:
            return f"row-level security may hide rows of {self.name} from our role"
        return ""


@dataclass(frozen=True)
class Tables:
    """The three tables of a site."""

    schema: str
    vms: TableFacts
    sessions: TableFacts
    users: TableFacts

    @property
    def age_column(self) -> str | None:
        """The column that tells a session's age: `created_at`, or else `started_at`."""
        return next((name for name in SESSION_TIMES if name in self.sessions.columns), None)

    @property
    def blocked(self) -> dict[str, str]:
        """By the name that queries use, `vms` and `sessions`: why its rows cannot be asked about."""
        sessions = self.sessions.blocked(SESSION_COLUMNS)
        if not sessions and self.age_column is None:
            sessions = f"{self.sessions.name} has neither {' nor '.join(SESSION_TIMES)}"
        reasons = {"vms": self.vms.blocked(VM_COLUMNS), "sessions": sessions}
        return {name: reason for name, reason in reasons.items() if reason}

    def require(self, *names: str) -> None:
        """Rows of these tables can be asked about.

        :raises DatabaseError: they cannot; an empty answer would not mean that there are no such rows.
        """
        for name in names:
            if reason := self.blocked.get(name):
                raise DatabaseError(
                    f"{self.schema}: {reason}; an empty answer would prove nothing",
                    hint="use a role that reads every row (BYPASSRLS, or a policy USING (true)), and mend "
                    "what db.tables_and_columns_are_there says",
                    behind=self._told_by(name),
                )

    def _told_by(self, name: str) -> str:
        """The check that says why its rows cannot be asked about."""
        table, needed = (self.vms, VM_COLUMNS) if name == "vms" else (self.sessions, SESSION_COLUMNS)
        if table.kind not in ("r", "p") or table.missing(needed):
            return "db.tables_and_columns_are_there"
        if name == "sessions" and self.age_column is None:
            return "db.session_age_is_known"
        return "db.sees_every_row"

    def relations(self, *names: str) -> sql.Composed:
        """``WITH vms AS …, sessions AS …``: these tables, under one name and type in every deployment.

        Only those that a query reads: the server locks, and asks leave for, whatever a query names.
        """
        shapes = {"vms": self._vms, "sessions": self._sessions}
        parts = [sql.SQL(f"{name} AS NOT MATERIALIZED ({{}})").format(shapes[name]()) for name in names]
        return sql.SQL("WITH ") + sql.SQL(", ").join(parts)

    def _vms(self) -> sql.Composed:
        return self._relation(self.vms.name, VM_COLUMNS, {}, sql.SQL(""))

    def _sessions(self) -> sql.Composed:
        later = {n: kind for n, kind in LATER_SESSION_COLUMNS.items() if n in self.sessions.columns}
        absent = {n: kind for n, kind in LATER_SESSION_COLUMNS.items() if n not in later}
        age = sql.SQL(", {}::timestamptz AS age_at").format(sql.Identifier(self.age_column or "started_at"))
        return self._relation(self.sessions.name, {**SESSION_COLUMNS, **later}, absent, age)

    def _relation(self, table: str, there: Expected, absent: Expected, more: sql.Composable) -> sql.Composed:
        columns = [_column(name, kind) for name, kind in there.items()]
        columns += [sql.SQL(f"NULL::{kind} AS ") + sql.Identifier(name) for name, kind in absent.items()]
        name = sql.Identifier(self.schema, table)
        return sql.SQL("SELECT {}{} FROM {}").format(sql.SQL(", ").join(columns), more, name)


def ask_tables(cursor: psycopg.Cursor[TableFacts], settings: DatabaseSection) -> None:
    """Send the question; :func:`read_tables` reads the answer, so that other questions can go beside it."""
    names = [settings.vms_table, settings.sessions_table, settings.users_table]
    cursor.execute(_ASK, {"schema": settings.schema_name, "tables": names})


def tables_cursor(connection: psycopg.Connection) -> psycopg.Cursor[TableFacts]:
    """A cursor for :func:`ask_tables`."""
    return connection.cursor(row_factory=class_row(TableFacts))


def read_tables(cursor: psycopg.Cursor[TableFacts], settings: DatabaseSection) -> Tables:
    """The answer to :func:`ask_tables`."""
    found = {facts.name: facts for facts in cursor.fetchall()}
    return Tables(
        settings.schema_name,
        vms=found[settings.vms_table],
        sessions=found[settings.sessions_table],
        users=found[settings.users_table],
    )


def _column(name: str, kind: str) -> sql.Composed:
    """Statuses may be an enum, ids uuid, an address inet with or without its prefix length."""
    column = sql.Identifier(name)
    if name == "ip_address":
        return sql.SQL("split_part({}::text, '/', 1) AS {}").format(column, column)
    return sql.SQL("{}::" + kind + " AS {}").format(column, column)
