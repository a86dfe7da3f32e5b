"""Whatever a server does instead of answering: an error in time, with what to do, and no connection left."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from harness.database import bounded
from harness.database.bounded import connect_within
from harness.database.connection import read_only_session
from harness.database.records import gather
from harness.errors import DatabaseError
from harness.site.profile import Site
from tests.unit.peers import bad_database as server
from tests.unit.peers.bad_database import Behaviour, bad_database

URL = "ACCEPTANCE_TEST_URL"
CONNECT_S, STATEMENT_S = 1.0, 1.0
SLACK_S = 60.0  # where it took for ever
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
        assert time.monotonic() - began < SLACK_S
    assert caught.value.hint


@pytest.mark.parametrize("addresses", [1, 60])
def test_every_address_of_a_name_shares_one_time(addresses: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver gives each of them its own, of two seconds at least."""
    with bad_database(server.silent, at="startup") as port:
        found = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [found] * addresses)
        assert _connect_s(f"postgresql://me@many.example:{port}/db?sslmode=disable", monkeypatch) < SLACK_S


def test_an_address_that_is_silent_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = "127.0.0.1", "127.0.0.2"
    with (
        bad_database(server.silent, at="startup", address=first) as port,
        bad_database(server.silent, at="question", address=second, port=port),
    ):
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in (first, second)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        words = {"host": "many.example", "user": "me", "dbname": "db", "sslmode": "disable"}
        with connect_within(8, port=port, **words) as connection:
            assert connection.info.hostaddr == second
            connection.close()


ONE, OTHER = ("192.0.2.1", 0), ("2001:db8::1", 0, 0, 0)
NAMES: dict[str, tuple[dict[str, str | int], list[object], int]] = {
    "an address of each family": ({"host": "many.example"}, [ONE, OTHER], 2),
    "one address twice": ({"host": "many.example"}, [ONE, ONE], 1),
    "a name without an address": ({"host": "many.example"}, [], 1),
    "an address that was given": ({"host": "many.example", "hostaddr": "192.0.2.9"}, [ONE, OTHER], 1),
    "a folder": ({"host": "/run/postgresql"}, [ONE, OTHER], 1),
    "an abstract socket": ({"host": "@here"}, [ONE, OTHER], 1),
    "no host": ({}, [ONE, OTHER], 1),
}


@pytest.mark.parametrize(("words", "found", "count"), NAMES.values(), ids=NAMES)
def test_the_addresses_that_share_the_time_are_counted(
    words: dict[str, str | int], found: list[object], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in found]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: told)
    assert bounded._addresses(words) == count


@pytest.mark.parametrize("error", [socket.gaierror("no such name"), UnicodeError("a label too long")])
def test_a_name_that_cannot_be_resolved_is_the_drivers_to_tell(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert bounded._addresses({"host": "nowhere.example"}) == 1


def test_a_resolver_that_is_silent_has_no_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can interrupt it; but it need not be waited for."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(2 * SLACK_S) and [])
    try:
        assert _connect_s("postgresql://me@nowhere.example/db", monkeypatch) < SLACK_S
    finally:
        over.set()


def _connect_s(url: str, monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setenv(URL, url)
    began = time.monotonic()
    with pytest.raises(DatabaseError, match="timed out after 1 s"), read_only_session(SITE, run_id="abcdef"):
        pass
    return time.monotonic() - began
