"""Whether the catalogue admits what a service writes: its types, their lengths, and its CHECK constraints.

PostgreSQL itself says what a constraint makes of a value: its expression is asked for each, in a transaction
that is read-only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import class_row

from harness.database.connection import Database
from harness.errors import DatabaseError
from harness.site.profile import Site

Values = Mapping[tuple[str, str], Sequence[str]]
"""Table and column -> what is written there."""

_ASK = """
SELECT c.relname::text AS "table", a.attname::text AS "column",
       format_type(a.atttypid, a.atttypmod) AS kind,
       t.typtype = 'd' AS is_domain,
       CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 4
            THEN a.atttypmod - 4 END AS length,
       (SELECT array_agg(enumlabel::text) FROM pg_enum WHERE enumtypid = t.oid) AS labels,
       coalesce((
           SELECT jsonb_agg(jsonb_build_object(
                      'name', conname, 'alone', cardinality(conkey) = 1, 'says', pg_get_expr(conbin, conrelid)
                  ) ORDER BY conname)
           FROM pg_constraint WHERE conrelid = c.oid AND contype = 'c' AND a.attnum = ANY (conkey)
       ), '[]') AS checks
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = %(schema)s
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
JOIN unnest(%(tables)s::text[], %(columns)s::text[]) AS wanted (relation, name)
     ON wanted.relation = c.relname AND wanted.name = a.attname
WHERE c.relkind IN ('r', 'p')
ORDER BY 1, 2
"""
_REFUSED = """
SELECT acc_value FROM unnest(%s::text[]) AS acc_value,
       LATERAL (SELECT acc_value::{kind} AS {column}) AS acc_row
WHERE NOT ({says})
"""


@dataclass(frozen=True)
class Admitted:
    """What the catalogue refuses of what is written, a line each, and what cannot be told from here."""

    refused: Sequence[str]
    untold: Sequence[str]


@dataclass(frozen=True)
class _Column:
    table: str
    column: str
    kind: str
    is_domain: bool
    length: int | None
    labels: list[str] | None
    checks: list[dict[str, Any]]

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"

    def fitting(self, values: Sequence[str]) -> list[str]:
        """The values that its type can hold."""
        return [
            value
            for value in values
            if (self.labels is None or value in self.labels) and len(value) <= (self.length or len(value))
        ]


def written(site: Site) -> Values:
    """What the profile says of columns that hold one of several words."""
    database = site.database
    vms, sessions = database.vms_table, database.sessions_table
    live, ended = database.live_vm_statuses, (database.destroyed_vm_status, *database.other_vm_statuses)
    going_on = (*database.vmless_session_statuses, *database.unfinished_session_statuses)
    return {
        (vms, "status"): tuple(dict.fromkeys((*live, *ended))),
        (vms, "vm_type"): (database.browser_vm_type, *database.other_vm_types),
        (sessions, "status"): tuple(dict.fromkeys((*going_on, *database.finished_session_statuses))),
        (sessions, "provider"): tuple(dict.fromkeys((site.session.provider, *site.agent.providers))),
    }


def admitted(database: Database, site: Site) -> Admitted:
    """Hold what the profile says is written against the catalogue. A column that is not there is not asked.

    :raises DatabaseError: the catalogue was not told.
    """
    values, refused, untold = written(site), list[str](), list[str]()
    for column in _columns(database, site, values):
        wanted = values[column.table, column.column]
        fitting = column.fitting(wanted)
        refused += _told(f"{column.name} is {column.kind}", [one for one in wanted if one not in fitting])
        if column.is_domain:
            untold.append(
                f"{column.name} is of the domain {column.kind}, whose own constraints were not tried"
            )
            continue
        for check in column.checks:
            name = f"{check['name']} on {column.name}"
            try:
                if check["alone"]:
                    refused += _told(name, _refused(database, column, check["says"], fitting))
                else:
                    untold.append(f"{name} is about other columns, too, and was not tried: {check['says']}")
            except DatabaseError as error:
                untold.append(f"{name} could not be tried: {error.message}")
    return Admitted(refused, untold)


def _columns(database: Database, site: Site, values: Values) -> list[_Column]:
    tables, columns = zip(*values, strict=True)
    named = {"schema": site.database.schema_name, "tables": list(tables), "columns": list(columns)}
    with database.transaction("the catalogue's constraints") as connection:
        return connection.cursor(row_factory=class_row(_Column)).execute(_ASK, named).fetchall()


def _refused(database: Database, column: _Column, says: str, values: Sequence[str]) -> list[str]:
    """The values of which a CHECK is false; where it is NULL, it admits them."""
    query = sql.SQL(_REFUSED).format(
        kind=sql.SQL(column.kind),  # as format_type() quotes it
        column=sql.Identifier(column.column),
        says=sql.SQL(says.replace("%", "%%")),  # as pg_get_expr() has it
    )
    with database.transaction(f"what {column.name} admits") as connection:
        return [str(value) for (value,) in connection.execute(query, [list(values)]).fetchall()]


def _told(by: str, values: Sequence[str]) -> Iterator[str]:
    if values:
        yield f"{by}: refuses {', '.join(values)}"
