"""The clean-up that is shown means, to a real PostgreSQL, the very rows that it was made for."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from harness.database.claims import CLAIMS
from harness.database.cleanup import delete_stale_vms, destroy_vms, fail_sessions
from harness.database.records import BreakingRows
from harness.database.scratch import ScratchPostgres
from harness.mend import HEADING, Mend, Name, Statement
from harness.site.profile import DatabaseSection
from harness.text import encoded
from tests.unit.peers.hostile_text import NAMES

STORED = {
    name: text
    for name, text in NAMES.items()
    if text.isascii() or encoded(text) == text.encode("utf-8", "replace")
}
"""Those that a database in UTF-8 can hold."""
STRICT = ("on", "off")
"""``standard_conforming_strings``: whether a backslash in a plain string is one."""


@pytest.fixture(scope="module")
def tables(scratch_database: ScratchPostgres) -> Iterator[psycopg.Connection]:
    """VMs and sessions in a schema of their own."""
    scratch_database.add_schema("cleanup", created_at=True, references=False)
    with contextlib.closing(scratch_database.connect()) as connection:
        connection.autocommit = True
        connection.execute("SET search_path TO cleanup")
        connection.execute("ALTER TABLE auth_sessions ALTER session_id TYPE text")
        yield connection


def pasted(scratch: ScratchPostgres, line: str, *, strict: str = "on", dbname: str = "postgres") -> str:
    """What psql prints for one line that is pasted into it."""
    assert line.isascii()
    assert line.isprintable()
    done = subprocess.run(
        [
            "psql",
            "-X",
            "-At",
            "-v",
            "ON_ERROR_STOP=1",
            "-v",
            "vm_id=wrong",
            replace(scratch, dbname=dbname).url(),
        ],
        input=f"SET standard_conforming_strings = {strict};\n{line}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("strict", STRICT)
def test_a_value_is_the_value_that_was_meant(
    strict: str, scratch_database: ScratchPostgres, tables: psycopg.Connection
) -> None:
    tables.execute("DROP TABLE IF EXISTS meant")
    tables.execute("CREATE TABLE meant (name text PRIMARY KEY, value text)")
    for name, text in STORED.items():
        values: dict[str, Name | str] = {"table": Name(("cleanup", "meant")), "name": name, "text": text}
        mend = Statement("INSERT INTO {table} VALUES ({name}, {text});", values)
        pasted(scratch_database, mend.line, strict=strict)
    assert dict(tables.execute("SELECT name, value FROM meant").fetchall()) == STORED


@pytest.mark.parametrize("name", STORED)
def test_it_marks_the_row_it_is_shown_for_and_no_other(
    name: str, scratch_database: ScratchPostgres, tables: psycopg.Connection
) -> None:
    settings = DatabaseSection(schema_name="cleanup")
    tables.execute("TRUNCATE vms; TRUNCATE auth_sessions")
    for text in STORED.values():
        tables.execute("INSERT INTO vms (vm_id, status) VALUES (%s, 'running')", [text])
        tables.execute("INSERT INTO auth_sessions (session_id, status) VALUES (%s, 'ready')", [text])
    rows = [{"vm_id": STORED[name], "session_id": STORED[name]}]
    vms = BreakingRows(CLAIMS["live_vms_are_alive"], 1, [STORED[name]], rows)
    sessions = BreakingRows(CLAIMS["failed_sessions_say_why"], 1, [STORED[name]], rows)
    pasted(scratch_database, shown(vms, destroy_vms(settings, vms.ids)))
    pasted(scratch_database, shown(sessions, fail_sessions(settings, sessions.ids)))
    assert tables.execute("SELECT vm_id FROM vms WHERE status <> 'running'").fetchall() == [(STORED[name],)]
    failed = tables.execute("SELECT session_id FROM auth_sessions WHERE status <> 'ready'").fetchall()
    assert failed == [(STORED[name],)]


def shown(found: BreakingRows, mend: Mend) -> str:
    """The mend as a report shows it: the last line, below the heading."""
    *_, heading, line = found.report(mend).split("\n")
    assert heading == HEADING
    return line


SHORT = {name: text for name, text in STORED.items() if 0 < len(text.encode()) < 64}
"""Those that can name a table."""


@pytest.mark.parametrize("name", SHORT)
def test_a_table_is_the_table_that_was_meant(
    name: str, scratch_database: ScratchPostgres, tables: psycopg.Connection
) -> None:
    text = SHORT[name]
    settings = DatabaseSection.model_construct(
        **{**DatabaseSection().model_dump(), "schema_name": text, "vms_table": text, "browser_vm_type": text}
    )
    here = sql.Identifier(text)
    tables.execute(sql.SQL("CREATE SCHEMA {}").format(here))
    columns = sql.SQL("CREATE TABLE {}.{} (vm_id text, vm_type text, status text, destroyed_at timestamptz)")
    tables.execute(columns.format(here, here))
    rows = sql.SQL("INSERT INTO {0}.{0} VALUES ({2}, {1}, 'destroyed', '2020-01-01')")
    tables.execute(rows.format(here, sql.Literal(text), sql.Literal("a")))
    tables.execute(rows.format(here, sql.Literal("other"), sql.Literal("b")))
    pasted(scratch_database, delete_stale_vms(settings).line)
    assert tables.execute(sql.SQL("SELECT vm_id FROM {}.{}").format(here, here)).fetchall() == [("b",)]
    tables.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(here))


def test_bytes_of_a_database_that_keeps_bytes_are_found_again(scratch_database: ScratchPostgres) -> None:
    """SQL_ASCII: what is no UTF-8 there comes to us as lone surrogates."""
    with contextlib.closing(scratch_database.connect()) as connection:
        connection.autocommit = True
        connection.execute("CREATE DATABASE plain_bytes ENCODING 'SQL_ASCII' TEMPLATE template0")
    for text in NAMES.values():
        if any("\udc80" <= character <= "\udcff" for character in text):
            told = pasted(
                scratch_database,
                Statement("SELECT encode(convert_to({text}, 'SQL_ASCII'), 'hex');", {"text": text}).line,
                dbname="plain_bytes",
            )
            assert bytes.fromhex(told.split("\n")[1]) == encoded(text)


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_what_postgresql_cannot_hold_it_refuses(text: str, scratch_database: ScratchPostgres) -> None:
    """Nothing is found in its place."""
    with pytest.raises(AssertionError, match=r"invalid Unicode|invalid byte"):
        pasted(scratch_database, Statement("SELECT {text};", {"text": text}).line)
