"""Rows whole: those of a session, the newest of all, and what those are later."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from harness.database import whole_rows
from harness.database.connection import Database, read_only_session
from harness.database.scratch import ScratchPostgres
from harness.database.whole_rows import newest_rows, rows_of
from harness.errors import DatabaseError
from harness.site.profile import Site

SCHEMA, URL = "whole_rows", "ACCEPTANCE_TEST_URL"
SESSION = "00000000-0000-4000-8000-00000000000{}".format
SITE = Site.model_validate({"name": SCHEMA, "database": {"url_env": URL, "schema_name": SCHEMA}})


_VM = "INSERT INTO vms (vm_id, vm_type, status, created_at) VALUES (%s, 'browser', 'stopped', %s)"
_SESSION = (
    "INSERT INTO auth_sessions (session_id, browser_vm_id, provider, status, started_at)"
    " VALUES (%s, %s, 'codex', 'completed', %s)"
)


@pytest.fixture
def writer(scratch_database: ScratchPostgres) -> Iterator[psycopg.Connection]:
    """Three VMs, a session on each, the first the oldest; and whoever may change them."""
    with contextlib.closing(scratch_database.connect()) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.commit()
        scratch_database.add_schema(SCHEMA, created_at=False, references=True)
        connection.execute(f"SET search_path TO {SCHEMA}")
        for number in (1, 2, 3):
            born = datetime(2026, 1, number, tzinfo=UTC)
            connection.execute(_VM, [f"vm-{number}", born])
            connection.execute(_SESSION, [SESSION(number), f"vm-{number}", born])
        connection.commit()
        yield connection


@pytest.fixture
def reader(
    writer: psycopg.Connection, scratch_database: ScratchPostgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """The suite's own session with that database."""
    assert not writer.closed
    monkeypatch.setenv(URL, scratch_database.url())
    with read_only_session(SITE, run_id="abcdef") as connection:
        yield connection


def test_the_rows_of_a_session_are_whole(reader: Database) -> None:
    rows = rows_of(reader, SITE.database, session=SESSION(2), vm_id="vm-2")
    assert rows.vm is not None
    assert rows.session is not None
    assert (rows.vm["vm_id"], rows.vm["status"], rows.vm["destroyed_at"]) == ("vm-2", "stopped", None)
    assert (rows.session["session_id"], rows.session["browser_vm_id"]) == (SESSION(2), "vm-2")


def test_a_row_that_is_not_there_is_none(reader: Database) -> None:
    rows = rows_of(reader, SITE.database, session=SESSION(9), vm_id="vm-9")
    assert (rows.vm, rows.session) == (None, None)


def test_the_newest_are_looked_at_and_then_the_same_again(
    reader: Database, writer: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_rows, "NEWEST", 2)
    before = newest_rows(reader, SITE.database)
    assert (list(before.vms), list(before.sessions)) == (["vm-3", "vm-2"], [SESSION(3), SESSION(2)])
    writer.execute("UPDATE vms SET status = 'destroyed' WHERE vm_id = 'vm-2'")
    writer.execute("DELETE FROM auth_sessions WHERE session_id = %s", [SESSION(3)])
    writer.execute(
        "INSERT INTO vms (vm_id, vm_type, status, created_at) VALUES ('vm-4', 'cli', 'failed', now())"
    )
    writer.commit()
    after = newest_rows(reader, SITE.database, among=before)
    assert {key: row["status"] for key, row in after.vms.items()} == {"vm-2": "destroyed", "vm-3": "stopped"}
    assert list(after.sessions) == [SESSION(2)]


def test_rows_that_may_be_hidden_are_no_rows(reader: Database, writer: psycopg.Connection) -> None:
    writer.execute("ALTER TABLE vms DROP COLUMN tap_device")
    writer.commit()
    with pytest.raises(DatabaseError, match="has no column tap_device"):
        newest_rows(reader, SITE.database)
