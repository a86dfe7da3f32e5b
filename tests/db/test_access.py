"""Whether the database can be asked, and whether its answers mean anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.database.connection import Database
from harness.database.records import Records
from harness.database.tables import SESSION_COLUMNS, SESSION_TIMES, VM_COLUMNS, Expected, TableFacts
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.smoke,
    pytest.mark.item("database-updated", proves=False),
    pytest.mark.look("\\conninfo", "\\d {database.schema_name}.*"),
]
KINDS = {
    "": "absent",
    "r": "a table",
    "p": "a table",
    "v": "a view",
    "m": "a materialized view",
    "f": "foreign",
}


@pytest.mark.mend(step="troubleshooting", how="start the database, and mend its connection string")
def test_reachable(records: Records) -> None:
    """The database answers, and is PostgreSQL 15 or later."""
    version = records.server.version
    assert version >= 150000, f"it is PostgreSQL {version // 10000}.{version % 10000}"


@pytest.mark.mend(step="troubleshooting", how="end the connection string with sslmode=require or verify-full")
def test_connection_is_private(records: Records, database: Database, advice: Callable[[str], None]) -> None:
    """Our own connection is encrypted wherever it leaves a machine."""
    assert database.leg.private, f"{database.leg} leaves a machine"
    if behind := records.server.told_behind(database):
        advice(behind)


@pytest.mark.mend(step="troubleshooting", how="use an address whose pooler hands on BEGIN READ ONLY as it is")
def test_session_is_read_only(records: Records, database: Database) -> None:
    """Our own session cannot write: the server holds each transaction of it to be read-only."""
    asked = ", ".join(dict.fromkeys(database.writable))
    assert not asked, f"transaction_read_only was off for {records.server.role} when asked for {asked}"


@pytest.mark.mend(step="troubleshooting", how="add what is missing, or name it in [database] of the profile")
def test_tables_and_columns_are_there(records: Records, site: Site) -> None:
    """The tables of VMs, sessions and users are there, with every column that the service uses."""
    tables, written = records.tables, dict.fromkeys(site.database.written_session_columns, "text")
    faults = [
        *_faults(tables.vms, VM_COLUMNS),
        *_faults(tables.sessions, {**SESSION_COLUMNS, **written}),
        *_faults(tables.users, {}),
    ]
    assert not faults, f"schema {site.database.schema_name}: {'; '.join(faults)}"


@pytest.mark.mend(
    step="troubleshooting", how="use a role that reads every row: BYPASSRLS, or a policy USING (true)"
)
@pytest.mark.behind("db.tables_and_columns_are_there", "db.session_age_is_known")
def test_sees_every_row(records: Records) -> None:
    """Our role reads every row: neither a missing grant nor row-level security hides one."""
    tables = records.tables
    # What is not there is said by the check above; here it would only repeat that.
    tables.require(*(n for n, one in (("vms", tables.vms), ("sessions", tables.sessions)) if one.there))


@pytest.mark.mend(step=7, how="without created_at, name started_at in the clean-up of sessions")
def test_session_age_is_known(records: Records, advice: Callable[[str], None]) -> None:
    """Sessions have created_at or started_at, so that their age is known."""
    there = [name for name in SESSION_TIMES if name in records.tables.sessions.columns]
    assert there, f"{records.tables.sessions.name} has neither {' nor '.join(SESSION_TIMES)}"
    text = f"{records.tables.sessions.name} has {' and '.join(there)}; their age is told by {there[0]}"
    if there[0] != "created_at":
        text += ", so the runbook's step 7 fails on created_at: put started_at in its place"
    advice(text)


def _faults(table: TableFacts, expected: Expected) -> list[str]:
    if table.kind not in ("r", "p"):
        return [f"{table.name} is {KINDS[table.kind]}"]
    missing = table.missing(expected)
    return [f"{table.name} lacks {', '.join(missing)}"] if missing else []
