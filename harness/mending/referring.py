"""What refers to rows that are deleted: a foreign key empties it, and an undo puts it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from harness.database.tables import Tables
from harness.errors import DatabaseError
from harness.mending.rows_seen import KEYS

_EMPTIED, _REFUSED = ("n", "d"), ("a", "r")
"""``confdeltype``: SET NULL and SET DEFAULT; NO ACTION and RESTRICT, where the server refuses by itself."""

_KEYS_TO = """
SELECT n.nspname::text, c.relname::text, a.attname::text, k.confdeltype::text,
       coalesce((SELECT array_agg(p.attname::text) FROM pg_index i
                 JOIN pg_attribute p ON p.attrelid = i.indrelid AND p.attnum = ANY (i.indkey)
                 WHERE i.indrelid = c.oid AND i.indisprimary), '{}')
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
JOIN pg_class t ON t.oid = k.confrelid
JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE k.contype = 'f' AND array_length(k.conkey, 1) = 1 AND tn.nspname = %s AND t.relname = %s
"""


@dataclass(frozen=True)
class Referring:
    """One row that refers to one that is deleted, by one column."""

    schema: str
    table: str
    column: str
    key: Mapping[str, Any]
    """Its primary key."""
    to: str


def referring_rows(
    connection: psycopg.Connection[Any], tables: Tables, which: str, keys: Sequence[str]
) -> list[Referring]:
    """Rows that a deletion empties a column of.

    :raises DatabaseError: it would delete rows of another table, or empty one that cannot be named again.
    """
    name = (tables.vms if which == "vms" else tables.sessions).name
    found: list[Referring] = []
    for schema, table, column, action, primary in connection.execute(
        _KEYS_TO, [tables.schema, name]
    ).fetchall():
        if action in _REFUSED:
            continue
        pairs = sql.SQL(", ").join(
            sql.SQL("{}, r.{}").format(sql.Literal(one), sql.Identifier(one)) for one in primary
        )
        query = sql.SQL("SELECT jsonb_build_object({}), r.{}::text FROM {} AS r WHERE r.{}::text = ANY(%s)")
        at = sql.Identifier(column)
        rows = connection.execute(
            query.format(pairs, at, sql.Identifier(schema, table), at), [list(keys)]
        ).fetchall()
        if rows and (action not in _EMPTIED or not primary):
            raise DatabaseError(
                f"{len(rows)} rows of {schema}.{table} refer to them by {column}, and would go with them",
                hint=f"decide by hand what becomes of the rows of {schema}.{table} ({KEYS[which]})",
            )
        found += [Referring(schema, table, column, key, to) for key, to in rows]
    return found


def attach(connection: psycopg.Connection[Any], one: Referring) -> None:
    """Let a row refer again to what was put back, if nothing else was written there since."""
    table, column = sql.Identifier(one.schema, one.table), sql.Identifier(one.column)
    keys = sql.SQL(" AND ").join(sql.SQL("r.{0} = was.{0}").format(sql.Identifier(name)) for name in one.key)
    connection.execute(
        sql.SQL(
            "UPDATE {0} AS r SET {1} = was.{1} FROM jsonb_populate_record(NULL::{0}, %s) AS was"
            " WHERE {2} AND r.{1} IS NULL"
        ).format(table, column, keys),
        [Jsonb({**one.key, one.column: one.to})],
    )
