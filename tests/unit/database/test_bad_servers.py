"""Whatever a server does instead of answering: an error in time, with what to do, and no connection left."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from harness.database.connection import read_only_session
from harness.database.records import gather
from harness.errors import DatabaseError
from harness.site.profile import Site
from tests.unit.peers import bad_database as server
from tests.unit.peers.bad_database import Behaviour, bad_database

URL = "ACCEPTANCE_TEST_URL"
CONNECT_S, STATEMENT_S = 1.0, 1.0
SITE = Site.model_validate(
    {
        "name": "bad",
        "database": {"url_env": URL, "connect_timeout_s": CONNECT_S, "statement_timeout_s": STATEMENT_S},
    }
)
BEHAVIOURS = [
    server.silent,
    server.dripping,
    server.flooding,
    server.noticing,
    server.hanging_up,
    server.babbling,
]


@pytest.mark.parametrize("at", server.MOMENTS)
@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.__name__)
def test_a_bad_server_costs_no_more_than_its_time(
    behaviour: Behaviour, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of connect, or all of an exchange, within the profile's limits."""
    with bad_database(behaviour, at=at) as port:
        monkeypatch.setenv(URL, f"postgresql://me@127.0.0.1:{port}/db")
        began = time.monotonic()
        with pytest.raises(DatabaseError) as caught, read_only_session(SITE, run_id="abcdef") as database:
            gather(database, SITE)
        assert time.monotonic() - began < 10
    assert caught.value.hint


@pytest.mark.parametrize("addresses", [1, 12])
def test_every_address_of_a_name_shares_one_time(addresses: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver gives each of them its own."""
    with bad_database(server.silent, at="startup") as port:
        found = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [found] * addresses)
        assert (
            _connect_s(f"postgresql://me@many.example:{port}/db?sslmode=disable", monkeypatch) < 3 * CONNECT_S
        )


def test_a_resolver_that_is_silent_has_no_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can interrupt it; but it need not be waited for."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
    try:
        assert _connect_s("postgresql://me@nowhere.example/db", monkeypatch) < 3 * CONNECT_S
    finally:
        over.set()


def _connect_s(url: str, monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setenv(URL, url)
    began = time.monotonic()
    with pytest.raises(DatabaseError, match="timed out after 1 s"), read_only_session(SITE, run_id="abcdef"):
        pass
    return time.monotonic() - began
