"""Whether anybody can read along is judged by our own leg; what lies behind it is told, and never guessed."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.custodian.relay import Relay
from harness.database.connection import read_only_session
from harness.database.leg import Leg, is_loopback, leg_of, told_behind
from harness.database.records import gather
from harness.database.scratch import ScratchPostgres
from harness.errors import DatabaseError
from harness.run import run
from harness.site.profile import Site
from harness.transport.tunnel import loopback_tunnel
from tests.unit.peers.pgbouncer import Pooler, pgbouncer

SCHEMA, URL = "legs", "ACCEPTANCE_TEST_URL"
UNKNOWN = "cannot be told from here"


async def open_socket() -> socket.socket:
    """A socket of this namespace."""
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


@dataclass(frozen=True)
class Seen:
    """What a session came to."""

    leg: Leg
    behind: str


def _seen(url: str, monkeypatch: pytest.MonkeyPatch, through: Path | None = None) -> Seen:
    monkeypatch.setenv(URL, url)
    base = {"url_env": URL, "schema_name": SCHEMA, "through_host": through is not None}
    site = Site.model_validate({"name": SCHEMA, "database": base})
    forward = None if through is None else lambda _: through
    with read_only_session(site, run_id="abcdef", forward=forward) as database:
        server = gather(database, site, claims=()).server
        return Seen(database.leg, server.told_behind(database))


@pytest.fixture
def pooler(scratch_database: ScratchPostgres) -> Iterator[Pooler]:
    """It reaches its server by a unix socket."""
    with pgbouncer(scratch_database.socket_dir / "pgbouncer", scratch_database.url()) as running:
        yield running


@pytest.fixture
def encrypting(scratch_database: ScratchPostgres, tmp_path: Path) -> Iterator[Pooler]:
    """The same, and it speaks TLS, and nothing else, over TCP."""
    key, certificate = (tmp_path / name for name in ("key.pem", "certificate.pem"))
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run(["openssl", *words, "-subj", "/CN=pooler", "-keyout", key, "-out", certificate], timeout_s=60)
    with pgbouncer(
        scratch_database.socket_dir / "pgbouncer", scratch_database.url(), certificate=(key, certificate)
    ) as running:
        yield running


def test_a_socket_leaves_no_machine(
    scratch_database: ScratchPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server itself answers: there is nothing behind."""
    seen = _seen(scratch_database.url(), monkeypatch)
    assert (seen.leg.private, seen.leg.encrypted, seen.behind) == (True, False, "")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "localhost"])
def test_loopback_of_either_family_leaves_no_machine(
    host: str, monkeypatch: pytest.MonkeyPatch, pooler: Pooler
) -> None:
    """No TLS is asked for there; and that a pooler answers is told."""
    seen = _seen(f"host={host} port={pooler.port} user=postgres dbname=postgres", monkeypatch)
    assert (seen.leg.private, seen.leg.encrypted) == (True, False)
    assert "ends at a pooler, which reaches the server by a socket" in seen.behind


def test_a_published_port_is_loopback_to_us(
    scratch_database: ScratchPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever address the server sees: who listens here hands on, and nobody knows from here where to."""
    with loopback_tunnel(scratch_database.socket_dir / ".s.PGSQL.5432") as port:
        assert _seen(f"host=127.0.0.1 port={port} user=postgres dbname=postgres", monkeypatch).leg.private
    leg = Leg("127.0.0.1", encrypted=False, local=True)
    told = told_behind(leg, pooled=False, client="172.17.0.1", encrypted=False)
    assert "172.17.0.1, not encrypted: a container's port" in told
    assert told.endswith(UNKNOWN)


async def test_an_encrypted_leg_may_leave_a_machine(
    monkeypatch: pytest.MonkeyPatch, encrypting: Pooler, tmp_path: Path
) -> None:
    """Through the host, to an address of another machine; TLS is asked for without being named."""
    relay = await Relay(tmp_path / "way", ("127.0.0.1", encrypting.port), open_socket).start(os.getuid())
    try:
        url = "postgresql://postgres@10.1.2.3:6432/postgres"
        seen = await asyncio.to_thread(_seen, url, monkeypatch, relay.path)
    finally:
        relay.stop()
    assert (seen.leg.private, seen.leg.encrypted, seen.leg.local) == (True, True, False)
    assert "our connection to 10.1.2.3 (encrypted) ends at a pooler" in seen.behind


def test_a_pooler_by_its_servers_side_says_nothing_of_our_leg(
    monkeypatch: pytest.MonkeyPatch, pooler: Pooler
) -> None:
    """The server sees a socket, which leaves no machine; our own words went there in the clear."""
    seen = _seen("postgresql://postgres@10.1.2.3:6432/postgres?sslmode=disable", monkeypatch, pooler.socket)
    assert not seen.leg.private
    assert str(seen.leg) == "our connection to 10.1.2.3 (not encrypted)"


def test_tls_is_asked_for_where_a_machine_is_left(monkeypatch: pytest.MonkeyPatch, pooler: Pooler) -> None:
    """Not one word is said before."""
    with pytest.raises(DatabaseError) as caught:
        _seen("postgresql://postgres@10.1.2.3:6432/postgres", monkeypatch, pooler.socket)
    assert "TLS" in caught.value.hint


@pytest.mark.parametrize(
    ("client", "encrypted", "told"),
    [
        (None, False, "by a socket"),
        ("127.0.0.1", False, "from 127.0.0.1, not encrypted"),
        ("10.0.0.9", True, "from 10.0.0.9, encrypted"),
        ("10.0.0.9", False, f"from 10.0.0.9, not encrypted; whether that leaves a machine {UNKNOWN}"),
    ],
)
@pytest.mark.parametrize("private", [True, False])
def test_what_a_pooler_does_changes_nothing_of_our_leg(
    client: str | None, encrypted: bool, told: str, private: bool
) -> None:
    leg = Leg("db.example", encrypted=private, local=False)
    assert leg.private is private
    assert told_behind(leg, pooled=True, client=client, encrypted=encrypted).endswith(told)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.200.0.1", "::1", "::ffff:127.0.0.1", "localhost"])
def test_this_is_loopback(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1%lo", "::", "127.example", ""])
def test_this_is_none(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.parametrize("kind", [socket.AF_INET, socket.AF_INET6])
def test_both_ends_are_looked_at(kind: socket.AddressFamily) -> None:
    """By the socket itself, whatever a name was resolved to; and it is still open afterwards."""
    loopback = "127.0.0.1" if kind == socket.AF_INET else "::1"
    with (
        socket.create_server((loopback, 0), family=kind) as listener,
        socket.create_connection(listener.getsockname()[:2]) as ours,
    ):
        leg = leg_of(ours.fileno(), encrypted=False)
        assert (leg.to, leg.private) == (loopback, True)
        ours.sendall(b"still open")
