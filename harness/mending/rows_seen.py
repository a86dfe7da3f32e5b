"""The rows that are to be mended, whole: those that break a claim, and those of VMs that are gone."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import set_json_loads

from harness.database.claims import CLAIMS, Claim, parameters
from harness.database.tables import Tables, ask_tables, read_tables, tables_cursor
from harness.database.vm_rows import LiveRow
from harness.mending.operations import Images
from harness.site.profile import Site
from harness.text import decoded

MOST_ROWS = 1000
"""So many rows of a claim are mended at once; the next plan has the others."""

KEYS = {"vms": "vm_id", "sessions": "session_id"}


@dataclass(frozen=True)
class RowsSeen:
    """Rows at one moment (seconds since 1970, by the database's clock): by claim those that break it, and all
    VMs and unfinished sessions asked for."""

    tables: Tables
    breaking: Mapping[str, Images]
    vms: Images
    sessions: Images
    kept: Sequence[LiveRow]
    """VMs beside those asked for whose status is any but destroyed: known to the profile, or not."""
    now: float
    empty: bool
    """Whether there is no VM's row at all, of whatever status."""


def see_rows(
    connection: psycopg.Connection[Any],
    site: Site,
    *,
    claims: Collection[str],
    vms: Collection[str],
    all_browsers: bool,
) -> RowsSeen:
    """Ask within a transaction.

    :param vms: those whose rows and unfinished sessions are asked for.
    :param all_browsers: those of every Browser VM that is not destroyed are asked for, too.
    """
    tables = ask_known_tables(connection, site)
    ((now, seconds),) = connection.execute(
        "SELECT t, extract(epoch FROM t)::float8 FROM clock_timestamp() t"
    ).fetchall()
    breaking = {
        name: _images(connection, tables, _table(CLAIMS[name]), keys_of(connection, tables, site, name, now))
        for name in claims
        if not tables.blocked.keys() & set(CLAIMS[name].tables)
    }
    wanted = {*vms, *(_browsers(connection, tables, site) if all_browsers else ())}
    return RowsSeen(
        tables,
        breaking,
        _images(connection, tables, "vms", wanted),
        _images(connection, tables, "sessions", _sessions_on(connection, tables, site, wanted)),
        [row for row in _not_destroyed(connection, tables, site) if row.vm_id not in vms],
        seconds,
        _is_empty(connection, tables),
    )


def ask_known_tables(connection: psycopg.Connection[Any], site: Site) -> Tables:
    """The site's tables.

    :raises DatabaseError: our role may not see every row of them.
    """
    cursor = tables_cursor(connection)
    ask_tables(cursor, site.database)
    tables = read_tables(cursor, site.database)
    tables.require("vms", "sessions")
    return tables


def keys_of(
    connection: psycopg.Connection[Any], tables: Tables, site: Site, name: str, now: datetime
) -> list[str]:
    """The keys of the rows that break a claim."""
    claim = CLAIMS[name]
    query = sql.SQL("{}, found AS ({}) SELECT {}::text FROM found ORDER BY 1 LIMIT {}").format(
        tables.relations(*claim.tables),
        sql.SQL(claim.query),
        sql.Identifier(claim.key),
        sql.Literal(MOST_ROWS),
    )
    return [key for (key,) in connection.execute(query, parameters(site, now)).fetchall()]


def name_of_table(tables: Tables, which: str) -> sql.Identifier:
    """A table as the site calls it."""
    return sql.Identifier(tables.schema, (tables.vms if which == "vms" else tables.sessions).name)


def locked(
    connection: psycopg.Connection[Any], tables: Tables, which: str, keys: Iterable[str]
) -> dict[str, Mapping[str, Any]]:
    """Rows whole, and nobody else changes them before the transaction ends.

    :raises DatabaseError: one holds a number that we could not put back as it is.
    """
    with connection.cursor() as cursor:
        set_json_loads(_exactly, cursor)
        return _images(cursor, tables, which, keys, lock=sql.SQL("FOR UPDATE"))


def _exactly(raw: str | bytes) -> Any:
    return json.loads(raw if isinstance(raw, str) else decoded(raw), parse_float=_exact)


def _exact(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or Decimal(repr(value)) != Decimal(text):
        raise psycopg.DataError(f"a number of more digits than are kept here, and so never put back: {text}")
    return value


def _images(
    connection: psycopg.Connection[Any] | psycopg.Cursor[Any],
    tables: Tables,
    which: str,
    keys: Iterable[str],
    *,
    lock: sql.SQL = sql.SQL(""),  # noqa: B008 - it is a constant
) -> dict[str, Mapping[str, Any]]:
    key = sql.Identifier(KEYS[which])
    query = sql.SQL("SELECT r.{}::text, to_jsonb(r) FROM {} AS r WHERE r.{}::text = ANY(%s) ORDER BY 1 {}")
    composed = query.format(key, name_of_table(tables, which), key, lock)
    return dict(connection.execute(composed, [sorted(keys)]).fetchall())


def _table(claim: Claim) -> str:
    return "sessions" if "sessions" in claim.tables else "vms"


def _browsers(connection: psycopg.Connection[Any], tables: Tables, site: Site) -> list[str]:
    """Browser VMs that are not destroyed: those that the runbook's emergency workaround is about."""
    query = sql.SQL(
        "SELECT vm_id::text FROM {} WHERE vm_type::text = %s AND status::text IS DISTINCT FROM %s ORDER BY 1"
    ).format(name_of_table(tables, "vms"))
    asked = [site.database.browser_vm_type, site.database.destroyed_vm_status]
    return [key for (key,) in connection.execute(query, asked).fetchall()]


def _not_destroyed(connection: psycopg.Connection[Any], tables: Tables, site: Site) -> list[LiveRow]:
    """All VMs that are not destroyed, with what names their things."""
    query = sql.SQL(
        "SELECT vm_id::text, coalesce(status::text, 'no status'), tap_device::text, socket_path::text"
        " FROM {} WHERE status::text IS DISTINCT FROM %s ORDER BY 1"
    ).format(name_of_table(tables, "vms"))
    found = connection.execute(query, [site.database.destroyed_vm_status]).fetchall()
    return [
        LiveRow(vm_id, status, tap_device=tap or None, socket_path=path or None)
        for vm_id, status, tap, path in found
    ]


def _is_empty(connection: psycopg.Connection[Any], tables: Tables) -> bool:
    query = sql.SQL("SELECT NOT EXISTS (SELECT FROM {})").format(name_of_table(tables, "vms"))
    return connection.execute(query).fetchall() == [(True,)]


def _sessions_on(
    connection: psycopg.Connection[Any], tables: Tables, site: Site, vms: Collection[str]
) -> list[str]:
    """Unfinished sessions on these VMs."""
    columns = [name for name in ("browser_vm_id", "vm_id") if name in tables.sessions.columns]
    vm = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns)
    query = sql.SQL(
        "SELECT session_id::text FROM {} WHERE coalesce({}) = ANY(%s)"
        " AND (status::text = ANY(%s)) IS NOT TRUE ORDER BY 1"
    ).format(name_of_table(tables, "sessions"), vm)
    asked = [sorted(vms), list(site.database.finished_session_statuses)]
    return [key for (key,) in connection.execute(query, asked).fetchall()]
