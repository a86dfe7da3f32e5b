"""Text is text in every encoding of a database, and bytes that are none are data."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from harness.database.connection import read_only_session
from harness.database.records import gather
from harness.database.scratch import ScratchPostgres
from harness.database.vm_rows import live_rows
from harness.database.whole_rows import newest_rows, rows_of
from harness.errors import DatabaseError
from harness.site.profile import Site
from harness.text import decoded

SCHEMA, URL = "encodings", "ACCEPTANCE_TEST_URL"
ENCODINGS = ("UTF8", "LATIN1", "SQL_ASCII")
SESSION = "00000000-0000-4000-8000-000000000001"
_IN_SCHEMA = f"SET search_path TO {SCHEMA}".encode()
SITE = Site.model_validate({"name": SCHEMA, "database": {"url_env": URL, "schema_name": SCHEMA}})
ROWS = """
INSERT INTO vms (vm_id, vm_type, status, created_at)
VALUES (%(vm)s, 'browser', 'running', now()), ('vm-2', 'browser', %(status)s, now());
INSERT INTO auth_sessions (session_id, browser_vm_id, provider, status, error_message, created_at)
VALUES ('00000000-0000-4000-8000-000000000001', %(vm)s, 'codex', 'failed', %(reason)s, now());
"""


@contextlib.contextmanager
def _database(scratch: ScratchPostgres, encoding: str) -> Iterator[ScratchPostgres]:
    name = f"in_{encoding.lower()}"
    with contextlib.closing(scratch.connect()) as owner:
        owner.autocommit = True
        owner.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'")
        try:
            yield ScratchPostgres(scratch.socket_dir, name)
        finally:
            owner.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _fill(database: ScratchPostgres, **values: bytes) -> None:
    database.add_schema(SCHEMA, created_at=True, references=False)
    with contextlib.closing(psycopg.connect(database.url(), client_encoding="SQL_ASCII")) as writer:
        writer.execute(_IN_SCHEMA)
        for statement in ROWS.strip().split(";\n"):
            for name, value in values.items():
                statement = statement.replace(f"%({name})s", f"convert_from('\\x{value.hex()}', 'SQL_ASCII')")
            writer.execute(statement.encode())
        writer.commit()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_text_is_text_in_every_encoding(
    encoding: str, scratch_database: ScratchPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of names that we send, and of what rows say."""
    with _database(scratch_database, encoding) as database:
        kept = "latin-1" if encoding == "LATIN1" else "utf-8"
        _fill(database, vm="vm-é".encode(kept), status="gärend".encode(kept), reason="çà".encode(kept))
        monkeypatch.setenv(URL, database.url())
        with read_only_session(SITE, run_id="abcdef") as reader:
            records = gather(reader, SITE)
            assert records.breaking("vm_states_are_known").rows[0]["status"] == "gärend"
            assert [row.vm_id for row in live_rows(reader, SITE)] == ["vm-é"]
            assert set(newest_rows(reader, SITE.database).vms) == {"vm-é", "vm-2"}
            rows = rows_of(reader, SITE.database, session=SESSION, vm_id="vm-é")
            assert rows.vm is not None
            assert rows.session is not None
            assert rows.session["error_message"] == "çà"


def test_bytes_that_are_no_text_are_data(
    scratch_database: ScratchPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database in SQL_ASCII takes any: they name a row as those of a file name it."""
    vm, status = b"vm-\xff\xfe", b"\xe9\x80"
    with _database(scratch_database, "SQL_ASCII") as database:
        _fill(database, vm=vm, status=status, reason=b"\xc3(")
        monkeypatch.setenv(URL, database.url())
        with read_only_session(SITE, run_id="abcdef") as reader:
            records = gather(reader, SITE)
            assert records.breaking("vm_states_are_known").rows[0]["status"] == decoded(status)
            assert [row.vm_id for row in live_rows(reader, SITE)] == [decoded(vm)]
            rows = rows_of(reader, SITE.database, session=SESSION, vm_id=decoded(vm))
            assert rows.vm is not None
            assert rows.session is not None
            assert rows.session["error_message"] == decoded(b"\xc3(")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("to_jsonb(repeat('9', 5000)::numeric)", "cannot be read as JSON"),
        ("(repeat('[', 3000) || repeat(']', 3000))::jsonb", "cannot be read as JSON"),
    ],
    ids=["digits", "depth"],
)
def test_json_that_nobody_reads_is_an_error_of_the_database(
    value: LiteralString, said: str, scratch_database: ScratchPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the site's, with a name, and never a fault of the suite."""
    with _database(scratch_database, "UTF8") as database:
        _fill(database, vm=b"vm-1", status=b"running", reason=b"none")
        with contextlib.closing(database.connect()) as writer, writer.transaction():
            writer.execute(_IN_SCHEMA)
            writer.execute("ALTER TABLE vms ADD more jsonb")
            writer.execute(sql.SQL("UPDATE vms SET more = {}").format(sql.SQL(value)))
        monkeypatch.setenv(URL, database.url())
        with read_only_session(SITE, run_id="abcdef") as reader:
            with pytest.raises(DatabaseError, match=said):
                newest_rows(reader, SITE.database)
            assert gather(reader, SITE).breaking("vm_states_are_known").count == 0


def test_a_value_without_end_is_cut_and_costs_no_answer(
    scratch_database: ScratchPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an agent left in an error_message may be a file."""
    with _database(scratch_database, "UTF8") as database:
        _fill(database, vm=b"vm-1", status=b"running", reason=b"none")
        with contextlib.closing(database.connect()) as writer, writer.transaction():
            writer.execute(_IN_SCHEMA)
            writer.execute(
                "UPDATE auth_sessions SET error_message = repeat('x', 2000000),"
                " created_at = now() - interval '2 days'"
            )
        monkeypatch.setenv(URL, database.url())
        with read_only_session(SITE, run_id="abcdef") as reader:
            (row,) = gather(reader, SITE).breaking("no_old_failed_sessions").rows
            assert row["error_message"] == "x" * 1000 + "..."
