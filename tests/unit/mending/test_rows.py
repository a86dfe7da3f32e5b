"""Rows are changed as the service's schema has it: its keys, triggers, and columns that only it writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.mending.stage import SCHEMA, Stage, journal_in, session, vm

RUN = "abcdef"


@pytest.fixture
def stale(stage: Stage) -> Stage:
    """A destroyed VM that is to be deleted, with a serial number of its own."""
    stage.connection.execute("ALTER TABLE vms ADD serial int UNIQUE")
    stage.add_vm(3, status="'destroyed'", destroyed_at="now() - interval '2 days'", serial="33")
    return stage


def test_a_key_to_another_column_is_put_back(stale: Stage, tmp_path: Path) -> None:
    """What it refers to is not the row's key: it is emptied with the row all the same."""
    stale.connection.execute(
        "CREATE TABLE prompts (id int PRIMARY KEY, serial int REFERENCES vms (serial) ON DELETE SET NULL);"
        "INSERT INTO prompts VALUES (1, 33)"
    )
    stale.mend(stale.plan(), journal_in(tmp_path))
    assert vm(3) not in stale.rows()
    assert stale.connection.execute("SELECT serial FROM prompts").fetchall() == [(None,)]
    assert [one.outcome for one in stale.put_back(RUN, tmp_path)] == ["restored"]
    assert stale.connection.execute("SELECT serial FROM prompts").fetchall() == [(33,)]


def test_what_would_go_with_another_column_stops_a_deletion(stale: Stage, tmp_path: Path) -> None:
    stale.connection.execute(
        "CREATE TABLE prompts (id int PRIMARY KEY, serial int REFERENCES vms (serial) ON DELETE CASCADE);"
        "INSERT INTO prompts VALUES (1, 33)"
    )
    (done,) = stale.mend(stale.plan(), journal_in(tmp_path))
    assert done.outcome == "failed"
    assert vm(3) in stale.rows()


def test_a_key_of_two_columns_stops_a_deletion(stale: Stage, tmp_path: Path) -> None:
    stale.connection.execute(
        "ALTER TABLE vms ADD UNIQUE (vm_id, serial);"
        "CREATE TABLE prompts (id int PRIMARY KEY, vm text, serial int,"
        " FOREIGN KEY (vm, serial) REFERENCES vms (vm_id, serial) ON DELETE CASCADE)"
    )
    stale.connection.execute("INSERT INTO prompts VALUES (1, %s, 33)", [vm(3)])
    (done,) = stale.mend(stale.plan(), journal_in(tmp_path))
    assert done.outcome == "failed"
    assert "by 2 columns" in done.why
    assert vm(3) in stale.rows()


def test_columns_that_are_as_they_were_are_not_written(stage: Stage, tmp_path: Path) -> None:
    """One that PostgreSQL numbers by itself cannot be."""
    stage.connection.execute("ALTER TABLE auth_sessions ADD number int GENERATED ALWAYS AS IDENTITY")
    stage.add_session(5, status="'failed'")
    before = stage.rows("auth_sessions")
    stage.mend(stage.plan(), journal_in(tmp_path))
    assert [one.outcome for one in stage.put_back(RUN, tmp_path)] == ["restored"]
    assert stage.rows("auth_sessions") == before


def test_a_row_that_could_not_be_put_back_is_not_changed(stage: Stage, tmp_path: Path) -> None:
    """A number of more digits than we keep."""
    stage.connection.execute("ALTER TABLE auth_sessions ADD cost numeric")
    stage.add_session(5, status="'failed'", cost="0.123456789012345678901234567890")
    stage.add_session(6, status="'failed'", error_message="'x'", cost="1.50")
    (done,) = stage.mend(stage.plan(), journal_in(tmp_path))
    assert done.outcome == "failed"
    assert "more digits" in done.why
    assert stage.rows("auth_sessions")[session(5)]["error_message"] is None


@pytest.fixture
def search_path(stage: Stage) -> Iterator[None]:
    """The role that writes finds the service's tables by name."""
    stage.connection.execute(f"ALTER ROLE postgres SET search_path = {SCHEMA}")
    yield
    stage.connection.execute("ALTER ROLE postgres RESET search_path")


@pytest.mark.usefixtures("search_path")
def test_a_trigger_of_the_services_finds_its_tables(stage: Stage, tmp_path: Path) -> None:
    stage.connection.execute(
        "CREATE TABLE audit (key text);"
        "CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO audit VALUES (NEW.session_id); RETURN NEW; END $$;"
        "CREATE TRIGGER log AFTER UPDATE ON auth_sessions FOR EACH ROW EXECUTE FUNCTION log()"
    )
    stage.add_session(5, status="'failed'")
    (done,) = stage.mend(stage.plan(), journal_in(tmp_path))
    assert (done.outcome, done.why) == ("done", "")
    assert stage.connection.execute("SELECT key FROM audit").fetchall() == [(session(5),)]
