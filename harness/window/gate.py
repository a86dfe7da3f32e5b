"""The one way out for a browser of ours: a SOCKS5 proxy on loopback that leads to a few known addresses only.

What it leads to are unix sockets, such as :meth:`harness.host.hypervisor.Hypervisor.forward` makes; names are
never looked up.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from pathlib import Path

from harness.transport.http import Endpoint
from harness.transport.tunnel import LOOPBACK

_GRANTED, _NOT_ALLOWED, _UNREACHABLE = 0, 2, 4
_CHUNK = 1 << 16
_HELLO_S = 10.0


class Gate:
    """Runs in the event loop that started it; ``refused`` holds the addresses that were asked for in vain."""

    def __init__(self) -> None:
        self.refused: list[Endpoint] = []
        self.port = 0
        self._ways: dict[Endpoint, Path] = {}
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def open(self, address: Endpoint, target: Path) -> None:
        """Let an address be reached, through a unix socket that leads to it."""
        self._ways[address] = target

    async def stop(self) -> None:
        """Stop listening, and drop every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker: a coroutine that runs has a task
        self._busy.add(task)
        try:
            with contextlib.suppress(asyncio.CancelledError, EOFError, OSError):
                async with asyncio.timeout(_HELLO_S):
                    address = await _asked_for(reader, writer)
                await self._lead(address, reader, writer)
        finally:
            self._busy.discard(task)
            writer.close()

    async def _lead(
        self, address: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        target = self._ways.get(address)
        if target is None:
            self.refused.append(address)
            return _reply(writer, _NOT_ALLOWED)
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(str(target))
        except OSError:
            return _reply(writer, _UNREACHABLE)
        _reply(writer, _GRANTED)
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            far_writer.close()
        return None


async def _asked_for(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Endpoint:
    """RFC 1928 without a password, up to the request to connect."""
    _, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(b"\x05\x00")
    _, _, _, kind = await reader.readexactly(4)
    if kind == 3:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode("latin-1")
    else:
        host = ".".join(map(str, await reader.readexactly(4 if kind == 1 else 16)))
    (port,) = struct.unpack(">H", await reader.readexactly(2))
    return host, port


def _reply(writer: asyncio.StreamWriter, code: int) -> None:
    writer.write(struct.pack(">BBBBIH", 5, code, 0, 1, 0, 0))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy to the end of the stream, and pass the end on."""
    while data := await source.read(_CHUNK):
        sink.write(data)
        await sink.drain()
    with contextlib.suppress(OSError):
        sink.write_eof()
