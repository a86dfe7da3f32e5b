"""The window's WebSocket: a true pipe to the VM's websockify, between any real peer and another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.unit.lab.controller.conftest import Host


def path(session_id: UUID | str) -> str:
    """Where a session's window is."""
    return f"/api/auth/session/{session_id}/novnc"


@asynccontextmanager
async def window(host: Host, session_id: UUID | str) -> AsyncIterator[ClientConnection]:
    """A peer at the session's WebSocket."""
    url = str(host.api.make_url(f"{path(session_id)}/websock")).replace("http", "ws", 1)
    async with connect(url, subprotocols=[Subprotocol("binary")]) as peer:
        yield peer


async def test_bytes_go_through_unchanged_in_both_directions(host: Host) -> None:
    """Small, empty and large messages, in order."""
    session_id, _ = await host.session()
    messages = [b"\x00", b"", bytes(range(256)) * 4096]
    async with window(host, session_id) as peer:
        assert peer.subprotocol == "binary"
        assert await peer.recv() == b"RFB /websockify binary"
        for message in messages:
            await peer.send(message)
        assert [await peer.recv() for _ in messages] == messages


async def test_it_closes_when_the_vm_closes(host: Host) -> None:
    """The browser is told, and need not wait for a timeout."""
    session_id, _ = await host.session()
    async with window(host, session_id) as peer:
        await peer.recv()
        await peer.send(b"bye")
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(peer.recv(), 60)


async def test_it_closes_when_its_session_ends(host: Host) -> None:
    """A VM that is destroyed says no good-bye, so the service says it."""
    session_id, _ = await host.session()
    async with window(host, session_id) as peer:
        await peer.recv()
        await host.service.launcher.end_session(session_id, "cancelled", None)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(peer.recv(), 60)


async def test_open_windows_do_not_keep_the_service_from_ending(host: Host) -> None:
    """They are closed with the words that this is no fault of theirs."""
    session_id, _ = await host.session()
    async with window(host, session_id) as peer:
        await peer.recv()
        await asyncio.wait_for(host.api.server.close(), 60)
        with pytest.raises(ConnectionClosed) as closed:
            await peer.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


async def test_a_vm_without_websockify_is_an_error_and_no_connection(host: Host) -> None:
    """Nobody sees a window open that closes at once."""
    session_id, machine = await host.session()
    machine.address += 1  # nobody listens there
    with pytest.raises(InvalidStatus) as refused:
        async with window(host, session_id):
            pass
    assert refused.value.response.status_code == 502


@pytest.mark.parametrize(("status", "expected"), [("cancelled", 409), ("failed", 409), (None, 404)])
async def test_only_a_session_with_a_vm_has_a_window(host: Host, status: str | None, expected: int) -> None:
    """Neither page nor WebSocket, for one that is over or never was."""
    session_id = uuid4()
    if status:
        session_id, machine = await host.session(status=status)
        await host.service.launcher.destroy(machine)
    assert (await host.api.get(path(session_id))).status == expected
    with pytest.raises(InvalidStatus) as refused:
        async with window(host, session_id):
            pass
    assert refused.value.response.status_code == expected


async def test_what_is_no_websocket_is_told_so(host: Host) -> None:
    """A plain request is a mistake of the caller's."""
    session_id, _ = await host.session()
    answer = await host.api.get(f"{path(session_id)}/websock")
    assert (answer.status, await answer.json()) == (400, {"error": "this is a WebSocket"})


@pytest.mark.parametrize("key", ["ä", "x", "AAAA", ""])
async def test_a_bad_key_is_a_mistake_of_the_callers(host: Host, key: str) -> None:
    """Whatever is wrong with it."""
    session_id, _ = await host.session()
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    answer = await host.api.get(f"{path(session_id)}/websock", headers={**headers, "Sec-WebSocket-Key": key})
    assert (answer.status, await answer.json()) == (400, {"error": "this is a WebSocket"})
