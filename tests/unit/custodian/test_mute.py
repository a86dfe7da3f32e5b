"""A silent listener: it takes every connection, says nothing, and tells what came over each."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from harness.custodian import mute as custodian_mute
from harness.custodian.mute import Mute

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def listening() -> AsyncIterator[socket.socket]:
    """A socket on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


async def connect(listening: socket.socket) -> Streams:
    """Somebody comes."""
    return await asyncio.open_connection(*listening.getsockname()[:2])


async def until(mute: Mute, seen: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The account, once it is so."""
    async with asyncio.timeout(60):
        while not seen(account := mute.account()):
            await asyncio.sleep(0.001)
    return account


def sizes(account: dict[str, Any]) -> list[int]:
    """How much came over each connection."""
    return [one["size"] for one in account["connections"]]


async def test_it_says_nothing_and_tells_who_hung_up(listening: socket.socket) -> None:
    mute = Mute(listening)
    (_, gone), (reader, stays) = await connect(listening), await connect(listening)
    await until(mute, lambda account: account["count"] == 2)
    gone.close()
    account = await until(mute, lambda account: account["connections"][0]["closed_s"])
    first, second = account["connections"]
    assert 0 <= first["came_s"] <= first["closed_s"] <= account["now_s"]
    assert (first["closed_by"], second["closed_by"], second["closed_s"]) == ("the agent", "", None)
    mute.stop()
    assert await reader.read() == b""
    assert mute.account()["connections"][1]["closed_by"] == "us"
    stays.close()


SAID: dict[bytes, str] = {
    b"PATCH /rest/v1/sessions?id=eq.5&key=hunter2 HTTP/1.1\r\nAuthorization: Bearer hunter2\r\n\r\n{}": (
        "PATCH /rest/v1/sessions"
    ),
    b"GET / HTTP/1.0\n": "GET /",
    b"GET http://me:hunter2@127.0.0.1/rest HTTP/1.1\r\n": "GET /rest",
    b"GET ?apikey=hunter2 HTTP/1.1\r\n": "GET /",
    b"GET /#hunter2 HTTP/1.1\r\n": "GET /",
    b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\n": "GET /" + "x" * 199,
    b"GET /\xff\x1b[2J HTTP/1.1\r\n": "GET /\ufffd\x1b[2J",
    b"GET /half": "",
    b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n": "",
    b"\0\0\0\x4f\0\x03\0\0user\0hunter2\0database\0x\0\0": "",
    b"\x16\x03\x01\x02\0\x01": "",
}


@pytest.mark.parametrize("said", SAID)
async def test_of_a_request_it_tells_method_and_path(listening: socket.socket, said: bytes) -> None:
    """And of all else how much it was: never a header, a query or a body, in one piece or in many."""
    mute = Mute(listening)
    _, writer = await connect(listening)
    for start in range(0, len(said), 1000):
        writer.write(said[start : start + 1000])
        await writer.drain()
    account = await until(mute, lambda account: sizes(account) == [len(said)])
    one = account["connections"][0]
    assert one["request"] == SAID[said]
    assert "hunter2" not in str(mute.account())
    mute.stop()
    writer.close()


async def test_it_reads_no_more_of_one_than_it_may(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custodian_mute, "_MOST_READ", 1000)
    mute = Mute(listening)
    _, writer = await connect(listening)
    writer.write(b"x" * (32 << 20))
    account = await until(mute, lambda account: account["connections"] and account["connections"][0]["size"])
    await asyncio.sleep(0.05)
    assert mute.account()["connections"][0]["size"] == account["connections"][0]["size"] <= 1 << 16
    mute.stop()
    writer.transport.abort()


async def test_it_holds_no_more_than_it_can(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest are held and told of; all are counted."""
    monkeypatch.setattr(custodian_mute, "_MOST_HELD", 2)
    mute = Mute(listening)
    async with asyncio.timeout(60):
        links = [await connect(listening) for _ in range(5)]
        await until(mute, lambda account: account["count"] == 5)
        assert [await links[number][0].read() for number in range(3)] == [b""] * 3
    assert len(mute.account()["connections"]) == 2
    mute.stop()
    for _, writer in links:
        writer.close()


async def test_it_waits_where_it_may_open_no_more_files(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custodian_mute, "_FULL_S", 0.01)
    full = [OSError(errno.EMFILE, "")] * 3

    class Full:
        """As one whose process has too many files open, for a while."""

        def accept(self) -> tuple[socket.socket, object]:
            if full:
                raise full.pop()
            return listening.accept()

        def __getattr__(self, name: str) -> object:
            return getattr(listening, name)

    mute = Mute(cast(socket.socket, Full()))
    _, writer = await connect(listening)
    await until(mute, lambda account: account["count"])
    writer.close()
    mute.stop()
    assert full == []
