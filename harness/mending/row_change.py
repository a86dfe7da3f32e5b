"""Rows changed in one transaction, if they are still as they were planned; and put back as they were."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from harness.database.claims import is_the_hosts
from harness.database.tables import Tables
from harness.errors import HarnessError
from harness.mending.operations import Images, OnRows
from harness.mending.referring import Referring, attach, referring_rows
from harness.mending.rows_seen import KEYS, ask_known_tables, keys_of, locked, name_of_table
from harness.site.profile import Site

Announce = Callable[[Images, Images, list[Referring]], None]
"""Told what rows were, what they are now, and what refers to those deleted, before it is so for good."""


SAME = "it is as it was before"


_OWN = ("ip_address", "tap_device", "socket_path", "firecracker_pid")
"""Columns of a VM that no two live ones share."""


class NotAsPlannedError(HarnessError):
    """Nothing was done: what was planned is not so any more."""


@dataclass(frozen=True)
class Restored:
    """What became of rows that were to be put back."""

    restored: Collection[str]
    kept: Mapping[str, str]
    """Those left as they are, and why."""


def change_rows(connection: psycopg.Connection[Any], site: Site, does: OnRows, announce: Announce) -> int:
    """Within an open transaction: lock, compare, change, count; whoever calls ends the transaction.

    :raises NotAsPlannedError: a row is another, or breaks its claim no more, or another number would change.
    """
    tables = ask_known_tables(connection, site)
    now = locked(connection, tables, does.table, does.before)
    if other := [key for key, row in does.before.items() if now.get(key) != row]:
        raise NotAsPlannedError(f"changed since it was planned: {', '.join(other)}")
    if does.claim:
        ((moment,),) = connection.execute("SELECT clock_timestamp()").fetchall()
        still = keys_of(connection, tables, site, does.claim, moment)
        if cured := does.before.keys() - set(still):
            raise NotAsPlannedError(f"nothing is wrong with it any more: {', '.join(sorted(cured))}")
    refer = (
        referring_rows(connection, tables, does.table, list(does.before)) if does.change == "delete" else []
    )
    done = connection.execute(does.sql.encode("ascii")).rowcount  # the very line that was shown
    if done != len(does.before):
        raise NotAsPlannedError(f"{len(does.before)} rows were planned, and {done} would change")
    announce(now, locked(connection, tables, does.table, does.before), refer)
    return done


def restore_rows(
    connection: psycopg.Connection[Any],
    site: Site,
    table: str,
    *,
    before: Images,
    after: Images,
    refer: Collection[Referring],
    announce: Announce,
) -> Restored:
    """Within an open transaction: put back rows that are still as a mend left them."""
    tables = ask_known_tables(connection, site)
    now = locked(connection, tables, table, before)
    restored, kept = [], {}
    for key, was in before.items():
        if now.get(key) == was:
            kept[key] = SAME
        elif now.get(key) != after.get(key):
            kept[key] = "it was changed since"
        elif table == "vms" and (other := _shares(connection, tables, site, key, was)):
            kept[key] = other
        elif key in now:
            _put(connection, tables, table, key, was, now[key])
            restored.append(key)
        else:
            _insert(connection, tables, table, was)
            restored.append(key)
    for one in refer:
        if one.to in restored:
            attach(connection, one)
    were = {key: row for key, row in now.items() if key in restored}
    announce(were, locked(connection, tables, table, restored), [])
    return Restored(restored, kept)


def _shares(
    connection: psycopg.Connection[Any], tables: Tables, site: Site, key: str, was: Mapping[str, Any]
) -> str:
    """Why a VM's row does not go back to life: another that lives has got its address or thing since."""
    live = site.database.live_vm_statuses
    told = {name: str(was[name]) for name in _OWN if was.get(name) not in (None, "")}
    held = {name: value for name, value in told.items() if not _may_be_each_ones(site, name, value)}
    if was.get("status") not in live or not held:
        return ""
    query = sql.SQL(
        "SELECT r.vm_id::text, own.name FROM {} AS r, jsonb_each_text(%s) AS own(name, value)"
        " WHERE r.vm_id::text <> %s AND r.status::text = ANY (%s) AND CASE own.name WHEN 'ip_address'"
        " THEN split_part(to_jsonb(r) ->> own.name, '/', 1) = split_part(own.value, '/', 1)"
        " ELSE to_jsonb(r) ->> own.name = own.value END ORDER BY 1, 2 LIMIT 1"
    ).format(name_of_table(tables, "vms"))
    found = connection.execute(query, [Jsonb(held), key, list(live)]).fetchall()
    return f"{found[0][0]} is live and has its {found[0][1]} now" if found else ""


def _may_be_each_ones(site: Site, name: str, value: str) -> bool:
    """Whether what a column says is so called in each VM's own network namespace, or jail."""
    if name == "tap_device":
        return site.state.is_every_vms(value)
    return name == "socket_path" and not is_the_hosts(site, value)


def _put(
    connection: psycopg.Connection[Any],
    tables: Tables,
    table: str,
    key: str,
    was: Mapping[str, Any],
    now: Mapping[str, Any],
) -> None:
    """The columns that differ alone: our role need not be allowed to write the others."""
    columns = [
        name for name in _columns(connection, tables, table, was) if name not in now or was[name] != now[name]
    ]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    values = sql.SQL(", ").join(sql.SQL("was.{}").format(sql.Identifier(name)) for name in columns)
    relation, column = name_of_table(tables, table), sql.Identifier(KEYS[table])
    connection.execute(
        sql.SQL(
            "UPDATE {0} AS r SET ({1}) = (SELECT {2} FROM jsonb_populate_record(NULL::{0}, %s) AS was)"
            " WHERE r.{3}::text = %s"
        ).format(relation, names, values, column),
        [Jsonb(was), key],
    )


def _insert(connection: psycopg.Connection[Any], tables: Tables, table: str, was: Mapping[str, Any]) -> None:
    columns = _columns(connection, tables, table, was)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    values = sql.SQL(", ").join(sql.SQL("was.{}").format(sql.Identifier(name)) for name in columns)
    connection.execute(
        sql.SQL(
            "INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE"
            " SELECT {2} FROM jsonb_populate_record(NULL::{0}, %s) AS was"
        ).format(name_of_table(tables, table), names, values),
        [Jsonb(was)],
    )


def _columns(
    connection: psycopg.Connection[Any], tables: Tables, table: str, was: Mapping[str, Any]
) -> list[str]:
    """Columns of the row that can be written: PostgreSQL makes those that are generated."""
    name = (tables.vms if table == "vms" else tables.sessions).name
    found = connection.execute(
        "SELECT a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s"
        " AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum",
        [tables.schema, name],
    ).fetchall()
    return [column for (column,) in found if column in was]
