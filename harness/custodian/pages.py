"""Web pages that VMs can be told to open; each remembers who asked for it. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import asyncio
import contextlib

from harness.custodian.limits import Limit, LimitReached

_REQUEST_S = 10.0  # for all of a request and its answer
_LONGEST_REQUEST = 64 << 10
_AT_ONCE = 64
_MOST_VISITORS = 1000


class Pages:
    """A web server for pages of ours: each at a path of its own, all others 404."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._bodies: dict[str, bytes] = {}
        self._visitors: dict[str, list[str]] = {}
        self._busy: set[asyncio.Task[None]] = set()

    async def start(self, address: str, port: int) -> int:
        """Listen on an address; the port.

        :param port: 0 for any that is free.
        :raises OSError: the host does not have that address, or somebody else has the port.
        """
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, address, port)
        taken: int = self._server.sockets[0].getsockname()[1]
        return taken

    def add(self, path: str, body: str) -> None:
        """Serve one more page."""
        self._bodies[path] = body.encode()
        self._visitors[path] = []

    def visitors(self, path: str) -> list[str]:
        """The addresses that have asked for a page, in order; of many, the first."""
        return self._visitors.get(path, [])

    def stop(self) -> None:
        """Stop listening, and drop every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._busy):
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker: a coroutine that runs has a task
        self._busy.add(task)
        try:
            # CancelledError: stop() means just close; ValueError: a line without an end.
            with contextlib.suppress(
                asyncio.CancelledError, asyncio.TimeoutError, ConnectionError, ValueError, LimitReached
            ):
                if len(self._busy) <= _AT_ONCE:
                    await asyncio.wait_for(self._answer(reader, writer), _REQUEST_S)
        finally:
            self._busy.discard(task)
            writer.transport.abort()  # whatever it does not take is not kept for it

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        limit = Limit("a request for a page", seconds=_REQUEST_S, size=_LONGEST_REQUEST)
        first = line = await reader.readline()
        while line.strip():
            limit.take(len(line))
            line = await reader.readline()
        method, path = (*first.decode("latin-1").split(), "", "")[:2]
        body = self._bodies.get(path) if method == "GET" else None
        if body is not None and len(self._visitors[path]) < _MOST_VISITORS:
            self._visitors[path].append(writer.get_extra_info("peername")[0])
        head = (
            f"HTTP/1.1 {'404 Not Found' if body is None else '200 OK'}\r\n"
            "Content-Type: text/html; charset=utf-8\r\n"
            f"Content-Length: {len(body or b'')}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + (body or b""))
        await writer.drain()
        writer.close()
        await writer.wait_closed()
