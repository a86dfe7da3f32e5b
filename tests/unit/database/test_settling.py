"""A row that breaks a claim only in passing is no finding; one that stays so is, as it was seen last."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from harness.database.connection import Database, read_only_session
from harness.database.records import Records, gather, settled_records
from harness.database.scratch import ScratchPostgres
from harness.errors import DatabaseError
from harness.site.profile import Site

SCHEMA, URL = "settling", "ACCEPTANCE_TEST_URL"
SESSION = "00000000-0000-4000-8000-00000000{:04}".format
SETTLE_S, LONG_S = 1.5, 60.0
SITE = Site.model_validate(
    {
        "name": SCHEMA,
        "host": {"settle_s": SETTLE_S},
        "database": {"url_env": URL, "schema_name": SCHEMA, "incident_vm": None, "incident_session": None},
    }
)

Change = Callable[..., None]

_ROWS = """
INSERT INTO vms (vm_id, vm_type, status, created_at)
SELECT 'vm-' || to_char(n, 'FM00'), 'browser', 'running', now() FROM generate_series(0, 24) AS n;
INSERT INTO auth_sessions (session_id, browser_vm_id, provider, status, created_at)
SELECT ('00000000-0000-4000-8000-00000000' || to_char(n, 'FM0000'))::uuid, 'vm-' || to_char(n, 'FM00'),
       'codex', 'ready', now()
FROM generate_series(0, 24) AS n
"""


@pytest.fixture
def change(scratch_database: ScratchPostgres) -> Iterator[Change]:
    """The controller's hand: 25 sessions, each on a live VM of its own."""
    with contextlib.closing(scratch_database.connect()) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.commit()
        scratch_database.add_schema(SCHEMA, created_at=True, references=False)
        connection.execute(f"SET search_path TO {SCHEMA}")
        connection.execute(_ROWS)
        connection.commit()

        def run(statement: str, *values: object) -> None:
            connection.execute(statement.encode(), values)
            connection.commit()

        yield run


@pytest.fixture
def reader(scratch_database: ScratchPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The suite's own session with that database."""
    monkeypatch.setenv(URL, scratch_database.url())
    with read_only_session(SITE, run_id="abcdef") as database:
        yield database


def _destroyed(change: Change, number: int) -> None:
    change("UPDATE vms SET status = 'destroyed', destroyed_at = now() WHERE vm_id = %s", f"vm-{number:02}")


def _over(change: Change, number: int) -> None:
    change("UPDATE auth_sessions SET status = 'completed' WHERE session_id = %s", SESSION(number))


def _broken(records: Records) -> dict[str, set[str]]:
    found = {name: records.breaking(name) for name in records.answers if not name.startswith("incident")}
    return {name: set(one.ids) for name, one in found.items() if one.count}


@pytest.mark.usefixtures("change")
def test_rows_that_are_sound_are_not_asked_for_again(reader: Database) -> None:
    """The clean way costs what it cost: not even the connection is needed."""
    first = gather(reader, SITE)
    reader.close()
    assert settled_records(first, reader, SITE) is first


def test_a_session_that_ends_right_after_its_vm_is_no_finding(reader: Database, change: Change) -> None:
    """Two statements of the controller, and the first look fell between them."""
    _destroyed(change, 3)
    first = gather(reader, SITE)
    assert _broken(first) == {"live_sessions_have_a_live_vm": {SESSION(3)}}
    ending = threading.Timer(SETTLE_S / 3, _over, (change, 3))
    ending.start()
    patient = SITE.model_copy(update={"host": SITE.host.model_copy(update={"settle_s": LONG_S})})
    began = time.monotonic()
    assert _broken(settled_records(first, reader, patient)) == {}
    assert time.monotonic() - began < LONG_S
    ending.join()


def test_a_session_that_stays_so_is_a_finding_and_shown_as_it_is_now(
    reader: Database, change: Change
) -> None:
    """However many others pass meanwhile: more than are shown, and those that come later."""
    for number in range(23):
        _destroyed(change, number)
    first = gather(reader, SITE)
    assert first.breaking("live_sessions_have_a_live_vm").count == 23
    for number in range(22):
        _over(change, number)
    _destroyed(change, 24)
    change("UPDATE auth_sessions SET status = 'url_captured' WHERE session_id = %s", SESSION(22))
    left = settled_records(first, reader, SITE).breaking("live_sessions_have_a_live_vm")
    assert (left.count, left.ids) == (1, [SESSION(22)])
    assert left.report().startswith("1 unfinished sessions on a VM that is gone")
    assert "url_captured" in left.report()


def test_what_cannot_pass_is_a_finding_at_first_sight(reader: Database, change: Change) -> None:
    """A time in the future comes true, and a strange status may go: looking again would hide both."""
    change("UPDATE vms SET last_heartbeat = now() + interval '10 min' WHERE vm_id = 'vm-01'")
    change("UPDATE vms SET status = 'parked' WHERE vm_id = 'vm-02'")
    first = gather(reader, SITE)
    change("UPDATE vms SET status = 'running' WHERE vm_id = 'vm-02'")
    assert _broken(settled_records(first, reader, SITE)) == {
        "vm_times_are_possible": {"vm-01"},
        "vm_states_are_known": {"vm-02"},
    }


def test_a_connection_lost_meanwhile_costs_only_what_was_in_doubt(
    reader: Database, change: Change, scratch_database: ScratchPostgres
) -> None:
    """What no look could clear is not known; all else was answered."""
    _destroyed(change, 3)
    first = gather(reader, SITE)
    with contextlib.closing(scratch_database.connect()) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [reader.pid])
    records = settled_records(first, reader, SITE)
    assert records.breaking("unfinished_sessions_are_in_time").count == 0
    with pytest.raises(DatabaseError, match="once more"):
        records.breaking("live_sessions_have_a_live_vm")
