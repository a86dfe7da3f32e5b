"""Through a pooler that gives everybody one connection, nothing of ours stays there for the next client."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import pytest

from harness.database.connection import Database, read_only_session
from harness.database.records import gather, settled_records
from harness.database.scratch import ScratchPostgres
from harness.database.vm_rows import database_clock, live_rows
from harness.database.whole_rows import newest_rows, rows_of
from harness.errors import DatabaseError
from harness.site.profile import Site
from tests.unit.peers.pgbouncer import Pooler, pgbouncer

SCHEMA, URL = "poolers", "ACCEPTANCE_TEST_URL"
SITE = Site.model_validate(
    {
        "name": SCHEMA,
        "host": {"settle_s": 0.2},
        "database": {
            "url_env": URL,
            "schema_name": SCHEMA,
            "connect_timeout_s": 60,
            "statement_timeout_s": 60,
        },
    }
)
SLACK_S = 60.0  # where it took for ever
DOOMED = "INSERT INTO poolers.vms (vm_id, vm_type, status) VALUES ('vm-1', 'browser', 'stopped')"
SESSION = """
INSERT INTO poolers.auth_sessions (session_id, browser_vm_id, provider, status, created_at, started_at)
VALUES ('00000000-0000-4000-8000-000000000001', 'vm-9', 'codex', 'ready', now(), now())
"""


@pytest.fixture(scope="module")
def cluster(scratch_database: ScratchPostgres) -> ScratchPostgres:
    """Tables with a row that does not settle."""
    scratch_database.add_schema(SCHEMA, created_at=True, references=False)
    with contextlib.closing(scratch_database.connect()) as connection, connection.transaction():
        connection.execute(SESSION)
    return scratch_database


@pytest.fixture(params=["transaction", "session"])
def pooler(
    cluster: ScratchPostgres, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pooler]:
    """A pooler that can keep a transaction together, and the site's connection string leads to it."""
    with pgbouncer(cluster.socket_dir / "pgbouncer", cluster.url(), mode=request.param) as running:
        monkeypatch.setenv(URL, running.url)
        yield running


def _ask_all() -> None:
    with read_only_session(SITE, run_id="abcdef") as database:
        records = settled_records(gather(database, SITE), database, SITE)
        assert records.breaking("live_sessions_have_a_live_vm").count == 1
        rows_of(database, SITE.database, session="none", vm_id="none")
        newest_rows(database, SITE.database, among=newest_rows(database, SITE.database))
        live_rows(database, SITE)
        database_clock(database)


def test_another_client_finds_the_connection_as_it_was(pooler: Pooler) -> None:
    """After all that we ever ask: every setting is as before, nothing is prepared, rows can be written."""
    before = pooler.settings()
    _ask_all()
    assert pooler.settings() == before
    with pooler.client() as client:
        assert client.execute("SELECT * FROM pg_prepared_statements").fetchall() == []
        client.execute(DOOMED)
        client.execute("DELETE FROM poolers.vms WHERE vm_id = 'vm-1'")


def test_a_pooler_that_takes_no_transactions_is_refused_by_name(
    cluster: ScratchPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In statement mode our questions could not see the same rows: one message, and nothing is changed."""
    with pgbouncer(cluster.socket_dir / "pgbouncer", cluster.url(), mode="statement") as pooler:
        monkeypatch.setenv(URL, pooler.url)
        before = pooler.settings()
        with pytest.raises(DatabaseError) as caught:
            _ask_all()
        assert "transactions or sessions" in caught.value.hint
        assert pooler.settings() == before
        with pooler.client() as client:
            client.execute(DOOMED)
            client.execute("DELETE FROM poolers.vms WHERE vm_id = 'vm-1'")


def _hurried(database: Database) -> None:
    """From now on an answer has little time: we were let in, however long that took."""
    database._connection.answer_s = 3


def test_a_paused_pooler_ends_in_time(pooler: Pooler) -> None:
    """It lets us in, and never answers: the limit is ours."""
    with read_only_session(SITE, run_id="abcdef") as database, pooler.paused():
        _hurried(database)
        began = time.monotonic()
        with pytest.raises(DatabaseError) as caught:
            gather(database, SITE)
        assert time.monotonic() - began < SLACK_S
        assert "paused pooler" in caught.value.hint
        with pytest.raises(DatabaseError, match="closed"):
            gather(database, SITE)


def test_a_server_process_that_is_stopped_ends_in_time(
    cluster: ScratchPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even its own timeout can strike."""
    monkeypatch.setenv(URL, cluster.url())
    with read_only_session(SITE, run_id="abcdef") as database:
        os.kill(database.pid, signal.SIGSTOP)
        _hurried(database)
        try:
            began = time.monotonic()
            with pytest.raises(DatabaseError, match="not complete within 3 s"):
                gather(database, SITE)
            assert time.monotonic() - began < SLACK_S
        finally:
            os.kill(database.pid, signal.SIGCONT)
