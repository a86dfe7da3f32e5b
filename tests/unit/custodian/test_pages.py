"""Pages of ours: served once they are there, and each knows who asked for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from harness.custodian.pages import Pages
from harness.window.pages import random_colour


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Pages, int]]:
    """A server on loopback, and its port."""
    pages = Pages()
    port = await pages.start("127.0.0.1", 0)
    try:
        yield pages, port
    finally:
        pages.stop()
        async with asyncio.timeout(60):
            while pages._busy:
                await asyncio.sleep(0)


async def ask(port: int, request: bytes) -> str:
    """One request; the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode()


async def test_a_page_is_served_and_knows_who_asked() -> None:
    async with serving() as (pages, port):
        pages.add("/x", "hello")
        answer = await ask(port, b"GET /x HTTP/1.1\r\nHost: y\r\n\r\n")
        assert answer.startswith("HTTP/1.1 200 OK\r\n")
        assert answer.endswith("\r\n\r\nhello")
        assert pages.visitors("/x") == ["127.0.0.1"]


@pytest.mark.parametrize(
    "request_text", [b"GET /favicon.ico HTTP/1.1\r\n\r\n", b"POST /x HTTP/1.1\r\n\r\n", b"\r\n\r\n"]
)
async def test_nothing_else_is_served_nor_counted(request_text: bytes) -> None:
    async with serving() as (pages, port):
        pages.add("/x", "hello")
        assert (await ask(port, request_text)).startswith("HTTP/1.1 404 ")
        assert pages.visitors("/x") == []


async def test_an_end_drops_those_who_wait() -> None:
    async with serving() as (pages, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while not pages._busy:
            await asyncio.sleep(0)
        pages.stop()
        assert await reader.read() == b""
        writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_it_listens_once_however_often_it_is_asked_to() -> None:
    async with serving() as (pages, port):
        assert await pages.start("127.0.0.1", 0) == port


DRAGGING = {
    "says nothing": b"",
    "drips its first line": b"G",
    "drips its headers": b"GET /x HTTP/1.1\r\nX: ",
    "has headers without end": b"GET /x HTTP/1.1\r\n",
}


@pytest.mark.parametrize("first", DRAGGING.values(), ids=DRAGGING)
async def test_a_request_has_its_time_in_all(monkeypatch: pytest.MonkeyPatch, first: bytes) -> None:
    monkeypatch.setattr("harness.custodian.pages._REQUEST_S", 0.5)
    async with serving() as (pages, port), asyncio.timeout(60):
        pages.add("/x", "hello")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first)
        answered = asyncio.ensure_future(reader.read())
        with contextlib.suppress(ConnectionError):
            while not (await asyncio.wait({answered}, timeout=0.1))[0]:
                writer.write(b"X: y\r\n" if first.endswith(b"1.1\r\n") else b"x")
            assert await answered == b""
        writer.close()
        assert pages.visitors("/x") == []


@pytest.mark.parametrize("flood", [b"x" * 1000, b"X: y\r\n" * 100])
async def test_a_request_has_its_length_in_all(flood: bytes) -> None:
    async with serving() as (pages, port), asyncio.timeout(60):
        pages.add("/x", "hello")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            writer.write(b"GET /x HTTP/1.1\r\n")
            for _ in range(1000):
                writer.write(flood)
                await writer.drain()
            assert await reader.read() == b""
        writer.close()
        assert pages.visitors("/x") == []


async def test_of_many_at_once_no_more_are_served_than_it_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.custodian.pages._AT_ONCE", 3)
    monkeypatch.setattr("harness.custodian.pages._REQUEST_S", 60)  # they are held until we let them go
    async with serving() as (pages, port), asyncio.timeout(60):
        pages.add("/x", "hello")
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        while len(pages._busy) < 3:
            await asyncio.sleep(0)
        with pytest.raises(ConnectionError):
            await ask(port, b"GET /x HTTP/1.1\r\n\r\n")
        for _, writer in held:
            writer.close()
        while pages._busy:
            await asyncio.sleep(0)
        assert (await ask(port, b"GET /x HTTP/1.1\r\n\r\n")).endswith("hello")


async def test_visitors_without_end_are_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.custodian.pages._MOST_VISITORS", 2)
    async with serving() as (pages, port):
        pages.add("/x", "hello")
        for _ in range(4):
            assert (await ask(port, b"GET /x HTTP/1.1\r\n\r\n")).endswith("hello")
        assert len(pages.visitors("/x")) == 2


def test_a_colour_of_ours_is_far_from_grey() -> None:
    colours = [random_colour() for _ in range(200)]
    assert all(max(colour) - min(colour) >= 110 for colour in colours)
    assert len(set(colours)) > 150
