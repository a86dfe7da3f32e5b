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
from harness.mending.rows_seen import KEYS, name_of_table

_EMPTIED, _REFUSED = ("n", "d"), ("a", "r")
"""``confdeltype``: SET NULL and SET DEFAULT; NO ACTION and RESTRICT, where the server refuses by itself."""

_KEYS_TO = """
SELECT n.nspname::text, c.relname::text, a.attname::text, o.attname::text, k.confdeltype::text,
       array_length(k.conkey, 1),
       coalesce((SELECT array_agg(p.attname::text) FROM pg_index i
                 JOIN pg_attribute p ON p.attrelid = i.indrelid AND p.attnum = ANY (i.indkey)
                 WHERE i.indrelid = c.oid AND i.indisprimary), '{}')
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
JOIN pg_class t ON t.oid = k.confrelid
JOIN pg_attribute o ON o.attrelid = t.oid AND o.attnum = k.confkey[1]
JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE k.contype = 'f' AND tn.nspname = %s AND t.relname = %s
"""


@dataclass(frozen=True)
class Referring:
    """One row that refers to one that is deleted, by one column: to its key, or to another column of it."""

    schema: str
    table: str
    column: str
    key: Mapping[str, Any]
    """Its primary key."""
    to: str
    """The key of the row that it refers to."""
    value: str | None = None
    """What its column holds; none in a journal of old, where it is that key."""


def referring_rows(
    connection: psycopg.Connection[Any], tables: Tables, which: str, keys: Sequence[str]
) -> list[Referring]:
    """Rows that a deletion empties a column of.

    :raises DatabaseError: it would delete rows of another table, or empty one that cannot be named again.
    """
    name = (tables.vms if which == "vms" else tables.sessions).name
    found: list[Referring] = []
    for schema, table, column, other, action, columns, primary in connection.execute(
        _KEYS_TO, [tables.schema, name]
    ).fetchall():
        if action in _REFUSED:
            continue
        if columns != 1:
            raise DatabaseError(
                f"{schema}.{table} refers to them by {columns} columns: its rows could not be put back",
                hint=f"delete by hand ({KEYS[which]}), and see what becomes of the rows of {schema}.{table}",
            )
        pairs = sql.SQL(", ").join(
            sql.SQL("{}, r.{}").format(sql.Literal(one), sql.Identifier(one)) for one in primary
        )
        query = sql.SQL(
            "SELECT jsonb_build_object({0}), t.{1}::text, r.{2}::text FROM {3} AS r JOIN {4} AS t"
            " ON r.{2} = t.{5} WHERE t.{1}::text = ANY(%s)"
        ).format(
            pairs,
            sql.Identifier(KEYS[which]),
            sql.Identifier(column),
            sql.Identifier(schema, table),
            name_of_table(tables, which),
            sql.Identifier(other),
        )
        rows = connection.execute(query, [list(keys)]).fetchall()
        if rows and (action not in _EMPTIED or not primary):
            raise DatabaseError(
                f"{len(rows)} rows of {schema}.{table} refer to them by {column}, and would go with them",
                hint=f"decide by hand what becomes of the rows of {schema}.{table} ({KEYS[which]})",
            )
        found += [Referring(schema, table, column, key, to, value) for key, to, value in rows]
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
        [Jsonb({**one.key, one.column: one.to if one.value is None else one.value})],
    )
