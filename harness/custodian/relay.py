"""Unix sockets that lead to TCP addresses, inside a namespace or not. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

# Opens a stream socket, in a namespace where that is wanted.
OpenSocket = Callable[[], Awaitable[socket.socket]]
# The two halves of a connection.
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
# Is told why an attempt to connect came to nothing.
Note = Callable[[OSError], None]

# A restored guest may lose the first packets: another attempt is started beside the pending ones after each
# of these seconds, and the first to connect wins. The kernel alone would send again after a second.
_STAGGER_S = (0.03, 0.06, 0.12, 0.24, 0.5)
_CONNECT_TIMEOUT_S = 10.0
_CHUNK = 1 << 18


class Relay:
    """A listening unix socket that leads to ``address``; ``last_error``: why the last connection failed."""

    def __init__(self, path: Path, address: tuple[str, int], open_socket: OpenSocket) -> None:
        self.path = path
        self.address = address
        self.last_error = ""
        self._open_socket = open_socket
        self._server: asyncio.AbstractServer | None = None
        self._stopped = False
        self._busy: set[asyncio.Task[None]] = set()

    async def start(self, owner: int) -> Relay:
        """Listen; only ``owner`` (a uid) and root may connect."""
        self._server = await asyncio.start_unix_server(self._serve, str(self.path), backlog=128)
        self.path.chmod(0o600)
        os.chown(self.path, owner, -1)
        return self

    def stop(self) -> None:
        """Stop listening, drop every connection, and remove the socket."""
        self._stopped = True
        if self._server is not None:
            self._server.close()
        for task in list(self._busy):
            task.cancel()
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker: a coroutine that runs has a task
        self._busy.add(task)
        try:
            with contextlib.suppress(asyncio.CancelledError):  # stop() means: just close
                if not self._stopped:  # accepted just before
                    await self._carry(reader, writer)
        finally:
            self._busy.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far = await connect_staggered(self.address, self._open_socket, self._note)
        except OSError as error:
            self._note(error)
            return
        self.last_error = ""
        await carry((reader, writer), await asyncio.open_connection(sock=far))

    def _note(self, error: OSError) -> None:
        why = os.strerror(error.errno) if error.errno else error
        self.last_error = f"{self.address[0]}:{self.address[1]}: {why}"


async def carry(near: Streams, far: Streams) -> None:
    """Copy both ways, each to its end; then the far connection is closed."""
    try:
        await asyncio.gather(_pump(near[0], far[1]), _pump(far[0], near[1]))
    finally:
        far[1].close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy to the end of the stream, and pass the end on. A lost peer ends both ways."""
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
        return
    sink.close()


async def connect_staggered(address: tuple[str, int], open_socket: OpenSocket, note: Note) -> socket.socket:
    """Connect, with attempts side by side.

    A machine that does not answer ARP has until the deadline to do so: the kernel gives a machine up after
    some tens of milliseconds, and a guest on a busy host may well need more.

    :param note: told of each attempt that found nobody.
    :raises OSError: refused, no route, or not in time.
    """
    attempts: set[asyncio.Task[socket.socket]] = set()
    failure = OSError(f"no answer within {_CONNECT_TIMEOUT_S:g} s")
    now = asyncio.get_running_loop().time
    deadline = now() + _CONNECT_TIMEOUT_S
    waits = itertools.chain(_STAGGER_S, itertools.repeat(_CONNECT_TIMEOUT_S))
    try:
        while (left_s := deadline - now()) > 0:
            attempts.add(asyncio.create_task(_attempt(address, open_socket)))
            timeout_s = min(next(waits), left_s)
            done, _ = await asyncio.wait(attempts, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                attempts.discard(attempt)
                error = attempt.exception()
                if not isinstance(error, OSError) or error.errno != errno.EHOSTUNREACH:
                    return attempt.result()
                note(failure := error)
            if done:
                await asyncio.sleep(_STAGGER_S[0])  # a route may say so at once
        raise failure
    finally:
        for attempt in attempts:
            _abandon(attempt)


def _abandon(task: asyncio.Task[socket.socket]) -> None:
    task.cancel()
    task.add_done_callback(
        lambda done: None if done.cancelled() or done.exception() else done.result().close()
    )


async def _attempt(address: tuple[str, int], open_socket: OpenSocket) -> socket.socket:
    opened = await open_socket()
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(opened, address)
    except BaseException:
        opened.close()
        raise
    return opened
