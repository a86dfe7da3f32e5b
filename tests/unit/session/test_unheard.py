"""What came of a launch that was answered with no session is found by its row, and ended."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.custodian import launches
from harness.database.connection import Database, read_only_session
from harness.database.scratch import ScratchPostgres, scratch_postgres
from harness.errors import DatabaseError
from harness.host.custodian import Custodian
from harness.host.hypervisor import Hypervisor
from harness.session.unheard import UnheardLaunch, settle_unheard
from harness.site.profile import Site
from tests.unit.peers.crooked_controller import crooked_controller, says
from tests.unit.peers.custodian_process import RUN, custodian_of
from tests.unit.peers.left_run import leave_run
from tests.unit.peers.small_controller import SmallController, request

SCHEMA, URL = "unheard", "ACCEPTANCE_TEST_URL"
SITE = Site.model_validate({"name": SCHEMA, "database": {"url_env": URL, "schema_name": SCHEMA}})
USER, OTHER_USER = (f"00000000-0000-4000-8000-00000000000{digit}" for digit in "ab")
SESSION = "00000000-0000-4000-8000-00000000000{}".format
BODY = json.dumps({"userId": USER, "provider": "codex"})
BAD_GATEWAY = b"HTTP/1.1 502 X\r\nContent-Length: 4\r\n\r\noops"
FAILED = b'HTTP/1.1 500 X\r\nContent-Length: 15\r\n\r\n{"error": "no"}'
_ROW = (
    "INSERT INTO auth_sessions (session_id, user_id, provider, status, started_at)"
    " VALUES (%s, %s, 'codex', %s, clock_timestamp() - %s * interval '1 second')"
)

AddRow = Callable[..., str]


@pytest.fixture(scope="module")
def scratch_database() -> Iterator[ScratchPostgres]:
    """A PostgreSQL of our own."""
    with scratch_postgres() as scratch:
        yield scratch


@pytest.fixture
def add_row(
    scratch_database: ScratchPostgres, controller: SmallController, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AddRow]:
    """Adds a session to the database and to the controller; its id."""
    monkeypatch.setenv(URL, scratch_database.url())
    with contextlib.closing(scratch_database.connect()) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.commit()
        scratch_database.add_schema(SCHEMA, created_at=False, references=False)
        connection.execute(f"SET search_path TO {SCHEMA}")

        def add(number: int, *, user: str = USER, status: str = "ready", age_s: float = 0) -> str:
            connection.execute(_ROW, [SESSION(number), user, status, age_s])
            connection.commit()
            controller.sessions[SESSION(number)] = status
            return SESSION(number)

        yield add


@pytest.fixture
def custodian(host_folders: Path) -> Iterator[Custodian]:
    """A custodian on this machine."""
    with custodian_of(host_folders) as owner:
        yield owner


def connect() -> AbstractContextManager[Database]:
    """The suite's own session with that database."""
    return read_only_session(SITE, run_id="abcdef")


def settle(custodian: Custodian) -> list[str]:
    """As a run does."""
    return settle_unheard(cast(Hypervisor, SimpleNamespace(custodian=custodian, site=SITE)), connect)


def launch(custodian: Custodian, controller: SmallController, answer: bytes) -> None:
    """Ask for a session, and get this in place of one."""
    with crooked_controller(says(answer)) as url:
        words = {**request(controller, body=BODY), "url": f"{url}/start"}
        custodian.ask("start_session", timeout_s=60, **words)


def note_of(host_folders: Path) -> Path:
    """The record of this run's first launch."""
    return host_folders / "run" / RUN / "session-1.json"


@pytest.mark.parametrize("answer", [BAD_GATEWAY, FAILED, b"", b"HTTP/1.1 200 OK\r\n\r\n{}"])
def test_what_came_of_a_launch_is_cancelled(
    custodian: Custodian, controller: SmallController, add_row: AddRow, answer: bytes
) -> None:
    launch(custodian, controller, answer)
    sessions_of_it = [add_row(1), add_row(2)]
    told = settle(custodian)
    said = "of a launch that was not heard of again: cancelled session {}".format
    assert sorted(told) == [said(one) for one in sessions_of_it]
    assert settle(custodian) == []
    assert custodian.close() == ""


def test_a_launch_that_the_api_says_has_failed_is_settled_where_no_session_goes_on(
    custodian: Custodian, controller: SmallController, add_row: AddRow
) -> None:
    launch(custodian, controller, FAILED)
    add_row(1, status="failed")
    assert settle(custodian) == []
    assert custodian.close() == ""


def test_one_that_may_still_go_on_stays_on_record(
    host_folders: Path, custodian: Custodian, controller: SmallController, add_row: AddRow
) -> None:
    launch(custodian, controller, BAD_GATEWAY)
    add_row(1, status="failed")
    assert settle(custodian) == []
    assert note_of(host_folders).exists()
    assert "answered 502: oops" in custodian.close()


def test_what_is_somebody_elses_or_older_is_not_touched(
    custodian: Custodian, controller: SmallController, add_row: AddRow
) -> None:
    launch(custodian, controller, FAILED)
    add_row(1, user=OTHER_USER)
    add_row(2, age_s=600)
    assert settle(custodian) == []
    assert controller.live == [SESSION(1), SESSION(2)]
    assert custodian.close() == ""


def test_what_a_run_owns_is_not_touched(
    host_folders: Path, custodian: Custodian, controller: SmallController, add_row: AddRow
) -> None:
    launch(custodian, controller, FAILED)
    owned = launches.Launch.read(note_of(host_folders))
    other = leave_run(host_folders, "acc-bbbbbb", clones=0, alive=True)
    replace(owned, session=add_row(1), heard=None).write(other / "session-1.json")
    replace(owned, session=add_row(2), heard=None).write(note_of(host_folders).with_name("session-7.json"))
    assert settle(custodian) == []
    assert controller.live == [SESSION(1), SESSION(2)]


def test_while_a_launch_of_the_same_user_is_under_way_nothing_is_settled(
    custodian: Custodian, controller: SmallController, add_row: AddRow
) -> None:
    """Its session is in the database, and nobody knows yet whose it is."""
    launch(custodian, controller, FAILED)
    controller.hold.clear()
    answer = custodian.begin("start_session", **request(controller, body=BODY))
    assert controller.asked.wait(60)
    add_row(1)
    assert settle(custodian) == []
    assert controller.live == [SESSION(1)]
    controller.hold.set()
    answer.result(60)
    assert len(settle(custodian)) == 1
    assert controller.sessions[SESSION(1)] == "cancelled"


def test_what_a_dead_run_left_is_settled_by_the_next(
    host_folders: Path, controller: SmallController, add_row: AddRow
) -> None:
    with custodian_of(host_folders) as first:
        launch(first, controller, BAD_GATEWAY)
        assert "whether there is one was never heard" in first.close()
    asked = launches.Launch.read(note_of(host_folders))
    with custodian_of(host_folders, "acc-bbbbbb") as following:
        assert any("was never heard" in line for line in following.facts["reaped"])
        assert settle(following) == []
        replace(asked, asked=time.time() - 600).write(note_of(host_folders))
        assert settle(following) == []
        assert following.close() == ""
    with custodian_of(host_folders, "acc-cccccc") as last:
        assert last.facts["reaped"] == [f"removed {note_of(host_folders).parent}"]
    assert controller.requests == []
    assert add_row(1) in controller.live


def test_where_the_database_cannot_be_asked_it_is_told(
    custodian: Custodian, controller: SmallController
) -> None:
    launch(custodian, controller, BAD_GATEWAY)

    def fail() -> AbstractContextManager[Database]:
        raise DatabaseError("nobody there")

    host = cast(Hypervisor, SimpleNamespace(custodian=custodian, site=SITE))
    assert settle_unheard(host, fail) == ["what came of a launch cannot be looked for: nobody there"]
    assert custodian.close() != ""


LAUNCH = UnheardLaunch("session-1.json", USER, asked=1000.0, limit_s=90.0, ended=False)


@pytest.mark.parametrize(
    ("user", "began", "is_its"),
    [
        (USER, 1000.0, True),
        (USER.upper(), 1000.0, True),
        (USER, 1200.0, True),  # a controller that went on with it
        (USER, 997.0, False),  # a session of another host's run, in the same user's name
        (USER, 2000.0, False),
        (OTHER_USER, 1000.0, False),
    ],
)
def test_only_a_session_of_that_time_may_have_come_of_a_launch(user: str, began: float, is_its: bool) -> None:
    row = {"user_id": user, "status": "ready", "started_at": datetime.fromtimestamp(began, UTC).isoformat()}
    found = LAUNCH.sessions({"s": row}, SITE.database, known=(), ahead_s=0.5)
    assert found == (["s"] if is_its else [])


def test_an_id_that_is_a_number_is_that_number() -> None:
    row = {"user_id": 7, "status": "ready", "created_at": "1970-01-01T00:16:40+00:00"}
    assert replace(LAUNCH, user="7").sessions({"s": row}, SITE.database, known=(), ahead_s=0) == ["s"]


def test_one_that_does_not_say_when_it_began_keeps_the_launch_on_record(
    scratch_database: ScratchPostgres, custodian: Custodian, controller: SmallController, add_row: AddRow
) -> None:
    launch(custodian, controller, FAILED)
    session = add_row(1)
    with contextlib.closing(scratch_database.connect()) as connection, connection.transaction():
        connection.execute("UPDATE unheard.auth_sessions SET started_at = NULL")
    (told,) = settle(custodian)
    assert f"may have made session {session}" in told
    assert controller.live == [session]


def test_a_launch_that_another_run_has_settled_is_nothing_to_settle(custodian: Custodian) -> None:
    assert custodian.ask("settle_launch", timeout_s=60, note="/run/acc-aaaaaa/session-1.json", found=[]) == []
