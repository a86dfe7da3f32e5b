"""Where the database cannot be asked, the error says so, without the password; an empty answer never."""

from __future__ import annotations

import contextlib
import socket
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.database.claims import CLAIMS
from harness.database.connection import read_only_session
from harness.database.records import Records, gather
from harness.database.scratch import ScratchPostgres
from harness.errors import DatabaseError, SiteError
from harness.site.profile import Site

SCHEMA, PASSWORD, URL = "refusals", "hunter2-p@ss", "ACCEPTANCE_TEST_URL"
ROLES = f"""
CREATE ROLE locked LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE stranger LOGIN;
CREATE ROLE reader LOGIN;
CREATE ROLE guest LOGIN;
GRANT USAGE ON SCHEMA {SCHEMA} TO stranger, reader, guest;
GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO reader, guest;
ALTER TABLE {SCHEMA}.vms ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_of_it ON {SCHEMA}.vms FOR SELECT TO reader USING (true);
"""


@pytest.fixture(scope="module")
def cluster(scratch_database: ScratchPostgres) -> ScratchPostgres:
    """Tables with row-level security, and roles that may see less and less."""
    scratch_database.add_schema(SCHEMA, created_at=True, references=False)
    with contextlib.closing(scratch_database.connect()) as connection, connection.transaction():
        connection.execute(ROLES.encode())
    return scratch_database


def _site(**database: object) -> Site:
    base = {"url_env": URL, "schema_name": SCHEMA, "connect_timeout_s": 60, **database}
    return Site.model_validate({"name": "refusals", "database": base})


def _asked(url: str, monkeypatch: pytest.MonkeyPatch, **database: object) -> Records:
    monkeypatch.setenv(URL, url)
    site = _site(**database)
    with read_only_session(site, run_id="abcdef") as reader:
        return gather(reader, site)


@pytest.fixture
def answering_no() -> Iterator[int]:
    """A server on loopback that answers every request for TLS with no."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    client.recv(64)
                    client.sendall(b"N")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(60)


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        pytest.param(
            "user=locked dbname=postgres password=wrong-one", "password", "password is wrong", id="password"
        ),
        pytest.param("user=postgres dbname=nothing", "nothing", "no such database", id="no-database"),
        pytest.param("user=postgres dbname=postgres port=1", "No such file", "nothing listens", id="refused"),
    ],
)
def test_connection_refused(
    cluster: ScratchPostgres, monkeypatch: pytest.MonkeyPatch, change: str, said: str, hint: str
) -> None:
    """The error names the database and the reason."""
    with pytest.raises(DatabaseError) as caught:
        _asked(f"host={cluster.socket_dir} {change}", monkeypatch)
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert "wrong-one" not in "".join(traceback.format_exception(caught.value))


def test_no_tls(monkeypatch: pytest.MonkeyPatch, answering_no: int) -> None:
    """A server without TLS is refused where TLS is asked for."""
    url = f"postgresql://u:{PASSWORD}@127.0.0.1:{answering_no}/db?sslmode=require".replace("p@ss", "p%40ss")
    with pytest.raises(DatabaseError) as caught:
        _asked(url, monkeypatch)
    assert "TLS" in caught.value.hint
    assert PASSWORD not in str(caught.value)


def test_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and never answers ends in an error, in time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(DatabaseError) as caught:
            _asked(f"postgresql://u@127.0.0.1:{port}/db", monkeypatch, connect_timeout_s=2)
    assert "in time" in caught.value.hint


def test_unreadable_string_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection string with a slip in it holds the password, so it is not shown."""
    with pytest.raises(SiteError) as caught:
        _asked(f"host=x {PASSWORD}", monkeypatch)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("role", "reason"), [("stranger", "may not read"), ("guest", "row-level security may hide rows")]
)
def test_hidden_rows_are_no_empty_answer(
    cluster: ScratchPostgres, monkeypatch: pytest.MonkeyPatch, role: str, reason: str
) -> None:
    """A role that may not see every row proves nothing."""
    records = _asked(cluster.url(user=role), monkeypatch)
    with pytest.raises(DatabaseError) as caught:
        records.breaking("no_old_destroyed_vms")
    assert reason in caught.value.message


def test_open_policy_and_read_only(cluster: ScratchPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role for which the policy is `true` sees every row, in a session that cannot write."""
    records = _asked(cluster.url(user="reader"), monkeypatch)
    assert records.breaking("no_old_destroyed_vms").count == 0


def test_locked_table_costs_only_its_claims(
    cluster: ScratchPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query that takes too long is an error of its own; the others are still answered."""
    monkeypatch.setenv(URL, cluster.url())
    site = _site(statement_timeout_s=3.5)
    asked = [CLAIMS["no_old_destroyed_vms"], CLAIMS["no_old_failed_sessions"]]
    with contextlib.closing(cluster.connect()) as holder, holder.transaction():
        holder.execute(f"LOCK TABLE {SCHEMA}.auth_sessions IN ACCESS EXCLUSIVE MODE".encode())
        with read_only_session(site, run_id="abcdef") as reader:
            records = gather(reader, site, claims=asked)
    assert records.breaking("no_old_destroyed_vms").count == 0
    with pytest.raises(DatabaseError) as caught:
        records.breaking("no_old_failed_sessions")
    assert "locks" in caught.value.hint


def test_through_the_host(cluster: ScratchPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the host, by a forward that leads to the database's socket."""
    asked: list[str] = []

    def forward(target: str) -> Path:
        asked.append(target)
        return cluster.socket_dir / ".s.PGSQL.5432"

    monkeypatch.setenv(URL, "postgresql://postgres@127.0.0.1:6000/postgres?sslmode=disable")
    site = _site(through_host=True)
    with read_only_session(site, run_id="abcdef", forward=forward) as connection:
        assert gather(connection, site).breaking("no_old_destroyed_vms").count == 0
    assert asked == ["tcp:127.0.0.1:6000"]
