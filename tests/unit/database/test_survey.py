"""What a real database says of how a deployment uses it, under whatever names its tables have."""

from __future__ import annotations

import psycopg
import pytest

from harness.database.connection import read_only_session
from harness.database.scratch import ScratchPostgres
from harness.database.survey import SeenDatabase, look
from harness.site.profile import DatabaseSection, Site
from harness.survey.answer import Answers, Found, Open
from harness.survey.rows import database, providers

VMS = "vm_id text, tap_device text, socket_path text, ip_address inet"
SESSIONS = "session_id uuid, browser_vm_id text, provider text"
USUAL = f"""
CREATE TABLE users (user_id uuid PRIMARY KEY);
CREATE TABLE vms ({VMS}, user_id uuid REFERENCES users, vm_type text CHECK (vm_type IN ('browser', 'cli')),
    status text CHECK (status IN ('creating', 'running', 'destroyed')));
CREATE TABLE auth_sessions ({SESSIONS}, user_id uuid REFERENCES users, vnc_url text, status text);
"""
ROWS = """
INSERT INTO vms VALUES ('vm-a1', NULL, NULL, NULL, NULL, 'cli', 'running'),
    ('vm-6b03852d-0631-4f91-ae8a-fd352348e9c2', 'fc-vm-6b038', '/x', '10.0.0.2', NULL, 'browser', 'running');
INSERT INTO auth_sessions VALUES (gen_random_uuid(), NULL, 'codex', NULL, NULL, 'ready');
"""
OTHER = f"""
CREATE SCHEMA fleet;
CREATE TYPE fleet.vm_status AS ENUM ('creating', 'running', 'paused', 'destroyed');
CREATE TABLE fleet.accounts (id uuid PRIMARY KEY);
CREATE TABLE fleet.machines
    ({VMS}, user_id uuid REFERENCES fleet.accounts, vm_type text, status fleet.vm_status);
CREATE TABLE fleet.logins ({SESSIONS}, status text);
"""
APART = f"""
CREATE TABLE vms ({VMS}, vm_type text, status text) PARTITION BY LIST (vm_type);
CREATE TABLE vms_browser PARTITION OF vms FOR VALUES IN ('browser');
"""
ONE_ROW = "INSERT INTO vms (vm_id, vm_type, status) VALUES ('vm-1', 'browser', 'running');"
TWICE = f"CREATE SCHEMA a; CREATE TABLE a.vms ({VMS}); CREATE SCHEMA b; CREATE TABLE b.vms ({VMS});"


@pytest.fixture
def made(
    request: pytest.FixtureRequest, scratch_database: ScratchPostgres, monkeypatch: pytest.MonkeyPatch
) -> SeenDatabase:
    """A database of its own with these tables, looked at."""
    name = "survey"
    with psycopg.connect(scratch_database.url(), autocommit=True) as administrator:
        administrator.execute(f"DROP DATABASE IF EXISTS {name}")
        administrator.execute(f"CREATE DATABASE {name}")
    url = scratch_database.url().replace("dbname=postgres", f"dbname={name}")
    with psycopg.connect(url) as owner:
        owner.execute(request.param)
    monkeypatch.setenv("SURVEY_URL", url)
    site = Site(name="here", database=DatabaseSection(url_env="SURVEY_URL"))
    with read_only_session(site, run_id="0" * 6) as session:
        seen = look(session, through_host=False)
        assert session.writable == []
    return seen


def values(answers: Answers) -> dict[str, object]:
    return {field: one.value for field, one in answers.items() if isinstance(one, Found)}


@pytest.mark.parametrize("made", [USUAL + ROWS], indirect=True)
def test_a_database_as_the_runbooks(made: SeenDatabase) -> None:
    assert values(database(made)) == {
        "through_host": False,
        "schema_name": "public",
        "vms_table": "vms",
        "sessions_table": "auth_sessions",
        "users_table": "users",
        "browser_vm_type": "browser",
        "other_vm_types": ["cli"],
        "live_vm_statuses": ["creating", "running"],
        "other_vm_statuses": [],
        "vmless_session_statuses": ["started"],
        "unfinished_session_statuses": [
            "vm_created",
            "ready",
            "url_captured",
            "awaiting_user_auth",
            "user_authenticating",
        ],
        "finished_session_statuses": ["completed", "failed", "timeout", "cancelled"],
        "written_session_columns": ["vnc_url"],
        "incident_vm": "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2",
        "incident_session": "none",
    }
    assert providers(made) == ["codex"]
    assert made.rows[0]["tap_device"] == "fc-vm-6b038", "one with a device comes first"


@pytest.mark.parametrize("made", [OTHER], indirect=True)
def test_other_names_and_a_status_that_the_runbook_has_not(made: SeenDatabase) -> None:
    answers = database(made)
    assert values(answers) == {
        "through_host": False,
        "schema_name": "fleet",
        "vms_table": "machines",
        "sessions_table": "logins",
        "users_table": "accounts",
        "written_session_columns": [],
        "incident_vm": "none",
        "incident_session": "none",
    }
    live = answers["live_vm_statuses"]
    assert isinstance(live, Open)
    assert "paused" in live.look


@pytest.mark.parametrize("made", [APART + ONE_ROW], indirect=True)
def test_a_table_in_parts_is_one_and_kinds_that_have_no_row_yet_are_not_ruled_out(made: SeenDatabase) -> None:
    told = values(database(made))
    assert told["vms_table"] == "vms"
    assert (told["browser_vm_type"], told["other_vm_types"]) == ("browser", ["cli"])


@pytest.mark.parametrize("made", [TWICE], indirect=True)
def test_two_tables_of_vms_are_not_chosen_from(made: SeenDatabase) -> None:
    answers = database(made)
    assert not {"schema_name", "sessions_table", "incident_vm"} & values(answers).keys()
    schema = answers["schema_name"]
    assert isinstance(schema, Open)
    assert "a (" in schema.look
    assert "b (" in schema.look


@pytest.mark.parametrize("made", ["SELECT 1"], indirect=True)
def test_a_database_of_something_else_tells_nothing(made: SeenDatabase) -> None:
    assert values(database(made)) == {"through_host": False}
