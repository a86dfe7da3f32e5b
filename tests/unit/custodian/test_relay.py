"""Relays: a unix socket that leads to a TCP address, whatever the first packets meet."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from harness.custodian import relay as custodian_relay
from harness.custodian.relay import Relay
from harness.custodian.requests import Requests
from tests.unit.peers.ports import free_port


async def open_socket() -> socket.socket:
    """A socket of this namespace."""
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with what was said, once all of it has been."""
    writer.write(b"heard " + await reader.read())
    writer.close()
    await writer.wait_closed()


async def greet_and_hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet, and wait for the other side to hang up."""
    writer.write(b"hello")
    await reader.read()
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def relay_to(port: int, path: Path) -> AsyncIterator[Relay]:
    """A relay to a port of loopback."""
    relay = await Relay(path, ("127.0.0.1", port), open_socket).start(os.getuid())
    try:
        yield relay
    finally:
        relay.stop()
        async with asyncio.timeout(60):
            while relay._busy:
                await asyncio.sleep(0)


async def say(path: Path, words: bytes) -> bytes:
    """Say something and hear the answer out."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(words)
    writer.write_eof()
    heard = await reader.read()
    writer.close()
    await writer.wait_closed()
    return heard


async def hear_out(connected: socket.socket) -> None:
    """Whoever echoes at the far end hears nothing, and answers to it."""
    reader, writer = await asyncio.open_connection(sock=connected)
    writer.write_eof()
    assert await reader.read() == b"heard "
    writer.close()
    await writer.wait_closed()


async def test_both_ways_and_the_end_of_each(tmp_path: Path) -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, relay_to(server.sockets[0].getsockname()[1], tmp_path / "s") as relay:
        assert await say(relay.path, b"x" * 1_000_000) == b"heard " + b"x" * 1_000_000


async def test_many_at_once(tmp_path: Path) -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, relay_to(server.sockets[0].getsockname()[1], tmp_path / "s") as relay:
        said = [str(number).encode() for number in range(100)]
        assert await asyncio.gather(*(say(relay.path, words) for words in said)) == [
            b"heard " + words for words in said
        ]


async def test_only_its_owner_may_connect(tmp_path: Path) -> None:
    async with relay_to(free_port(), tmp_path / "s") as relay:
        assert relay.path.stat().st_mode & 0o777 == 0o600


async def test_a_refused_connection_is_closed_and_told(tmp_path: Path) -> None:
    port = free_port()
    async with relay_to(port, tmp_path / "s") as relay:
        reader, writer = await asyncio.open_unix_connection(str(relay.path))
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        assert relay.last_error == f"127.0.0.1:{port}: Connection refused"


async def test_a_lost_first_packet_costs_no_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the kernel sends it again; the next attempt is begun before, and the first is not waited for."""
    attempts: list[int] = []
    told: list[OSError] = []
    real = custodian_relay._attempt

    async def first_is_lost(address: tuple[str, int], opener: custodian_relay.OpenSocket) -> socket.socket:
        attempts.append(1)
        if len(attempts) == 1:
            await asyncio.Event().wait()
        return await real(address, opener)

    monkeypatch.setattr(custodian_relay, "_attempt", first_is_lost)
    monkeypatch.setattr(custodian_relay, "_CONNECT_TIMEOUT_S", 120)
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    address = ("127.0.0.1", server.sockets[0].getsockname()[1])
    async with server:
        async with asyncio.timeout(custodian_relay._CONNECT_TIMEOUT_S / 2):
            connected = await custodian_relay.connect_staggered(address, open_socket, told.append)
        await hear_out(connected)
    assert len(attempts) > 1
    assert custodian_relay._STAGGER_S[0] < 1


@pytest.mark.parametrize("nobodies", [1, 3, 12])
async def test_who_does_not_say_who_he_is_has_time_for_it(
    monkeypatch: pytest.MonkeyPatch, nobodies: int
) -> None:
    told: list[OSError] = []
    real = custodian_relay._attempt

    async def nobody_at_first(address: tuple[str, int], opener: custodian_relay.OpenSocket) -> socket.socket:
        if len(told) < nobodies:
            raise OSError(errno.EHOSTUNREACH, "")
        return await real(address, opener)

    monkeypatch.setattr(custodian_relay, "_attempt", nobody_at_first)
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, asyncio.timeout(60):
        address = ("127.0.0.1", server.sockets[0].getsockname()[1])
        await hear_out(await custodian_relay.connect_staggered(address, open_socket, told.append))
    assert len(told) == nobodies


async def test_nobody_to_the_end_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, passed_s = asyncio.get_running_loop(), [0.0]
    clock = loop.time

    async def nobody(*_: object) -> socket.socket:
        passed_s[0] += custodian_relay._CONNECT_TIMEOUT_S / 3
        raise OSError(errno.EHOSTUNREACH, "")

    monkeypatch.setattr(custodian_relay, "_attempt", nobody)
    monkeypatch.setattr(loop, "time", lambda: clock() + passed_s[0])
    async with relay_to(1, tmp_path / "s") as relay, asyncio.timeout(60):
        assert await say(relay.path, b"") == b""
        assert relay.last_error == "127.0.0.1:1: No route to host"


async def test_stopping_drops_connections_and_removes_the_socket(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        server = await asyncio.start_server(greet_and_hold, "127.0.0.1", 0)
        async with server, relay_to(server.sockets[0].getsockname()[1], tmp_path / "s") as relay:
            reader, writer = await asyncio.open_unix_connection(str(relay.path))
            assert await reader.readexactly(5) == b"hello"
            relay.stop()
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_host_is_reached_by_either_family(host_folders: Path, address: str) -> None:
    """As one asks for a database that the host reaches by IPv6."""
    server = await asyncio.start_server(echo, address, 0)
    port = server.sockets[0].getsockname()[1]
    asked = Requests("acc-00a11e", host_folders / "disks" / "acc-00a11e", [])
    async with server:
        path = await asked.op_relay_host(address, port)
        assert await say(Path(path), b"hello") == b"heard hello"
        assert await asked.op_relay_host(address, port) == path
        assert await asked.close() == []
    assert not Path(path).exists()
