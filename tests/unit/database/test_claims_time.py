"""Claims asked at once share the time of one; where one fails, each is asked alone, with all of its time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from psycopg import sql

from harness.database.claims import Claim
from harness.database.connection import Database, read_only_session
from harness.database.records import Records, gather
from harness.database.scratch import ScratchPostgres
from harness.database.tables import Tables
from harness.errors import DatabaseError
from harness.site.profile import Site

SCHEMA, URL, STATEMENT_S = "claims_time", "ACCEPTANCE_TEST_URL", 4
SITE = Site.model_validate(
    {
        "name": SCHEMA,
        "database": {"url_env": URL, "schema_name": SCHEMA, "statement_timeout_s": STATEMENT_S},
    }
)


@dataclass(frozen=True)
class Asked(Claim):
    """A claim with SQL of its own, for what it finds."""

    found: str = ""

    def composed(self, tables: Tables) -> sql.Composed:  # noqa: ARG002 - as the claim has it
        """The SQL, whatever the tables are."""
        return sql.SQL(self.found).format()


TIME = Asked(
    "time",
    (),
    "n",
    found="SELECT jsonb_build_object('count', 0, 'rows', '[]'::jsonb,"
    " 'keys', jsonb_build_array(current_setting('statement_timeout')))",
)
"""Tells the time that it has."""
FAILING = {
    "in the database": Asked("failing", (), "n", found="SELECT 1 / 0"),
    "by its time": Asked("failing", (), "n", found="SELECT pg_sleep(60)"),
    "as it is read": Asked("failing", (), "n", found="SELECT (repeat('[', 5000) || repeat(']', 5000))::json"),
}


@pytest.fixture
def reader(scratch_database: ScratchPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The suite's own session with that database."""
    with contextlib.closing(scratch_database.connect()) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.commit()
    scratch_database.add_schema(SCHEMA, created_at=True, references=False)
    monkeypatch.setenv(URL, scratch_database.url())
    with read_only_session(SITE, run_id="abcdef") as database:
        yield database


def time_of(records: Records) -> list[str]:
    """The time that the claim says it had."""
    answer = records.answers["time"]
    assert not isinstance(answer, DatabaseError)
    return list(answer.keys)


def test_all_at_once_have_the_time_of_one(reader: Database) -> None:
    beside = [Asked(str(number), (), "n", found=TIME.found) for number in range(3)]
    database = SITE.database.model_copy(update={"statement_timeout_s": 60})
    patient = SITE.model_copy(update={"database": database})
    assert time_of(gather(reader, patient, claims=[TIME, *beside])) == ["15s"]


@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
def test_alone_each_has_all_of_it_again(reader: Database, failing: Claim) -> None:
    """Where the database has ended the batch, and where only its answer cannot be read."""
    records = gather(reader, SITE, claims=[failing, TIME])
    assert isinstance(records.answers["failing"], DatabaseError)
    assert time_of(records) == [f"{STATEMENT_S}s"]
