"""What a VNC session runs over: a socket, or a WebSocket as websockify and its kin offer."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Iterator
from pathlib import Path

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, unix_connect
from websockets.typing import Subprotocol

from harness.custodian.limits import Limit
from harness.errors import TransportError
from harness.screen.rfb import Rfb, RfbError

_BINARY = Subprotocol("binary")
_LARGEST_MESSAGE = 65 << 20
"""Bytes: those of a screen and what goes with it. What waits to be read is held in so many messages:"""
_MESSAGES_HELD = 2
_NOBODY_LISTENS = (FileNotFoundError, ConnectionRefusedError)
"""What a unix socket of ours says when nobody listens at it any more: the way to the host is lost."""


class SocketStream:
    """A connected stream socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self, count: int, limit: Limit) -> bytes:
        """Exactly so many bytes."""
        have = bytearray(count)
        view = memoryview(have)
        while view:
            with self._within(limit):
                got = self._connection.recv_into(view)
            if not got:
                raise ConnectionResetError("it hung up")
            limit.take(got)
            view = view[got:]
        return bytes(have)

    def write(self, data: bytes, limit: Limit) -> None:
        """All of these bytes."""
        with self._within(limit):
            self._connection.sendall(data)  # Python counts the timeout for all of them

    def ready(self, timeout_s: float, limit: Limit) -> bool:
        """Whether there is something to read, or the end of it, within this time."""
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return bool(poll.poll(1000 * min(timeout_s, limit.left_s())))

    @contextlib.contextmanager
    def _within(self, limit: Limit) -> Iterator[None]:
        self._connection.settimeout(limit.left_s())
        try:
            yield
        except TimeoutError as error:
            raise limit.up() from error


class WebSocketStream:
    """Binary messages of a WebSocket as one stream."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._left = b""

    def read(self, count: int, limit: Limit) -> bytes:
        """Exactly so many bytes."""
        have = bytearray(self._left)
        while len(have) < count:
            try:
                have += self._receive(limit.left_s())
            except TimeoutError as error:
                raise limit.up() from error
        limit.take(count)
        self._left = bytes(have[count:])
        return bytes(have[:count])

    def write(self, data: bytes, limit: Limit) -> None:
        """All of these bytes, as one message."""
        limit.left_s()
        try:
            self._connection.send(data)
        except ConnectionClosed as error:
            raise ConnectionResetError(f"it closed the WebSocket: {error}") from error

    def ready(self, timeout_s: float, limit: Limit) -> bool:
        """Whether there is something to read within this time."""
        if not self._left:
            with contextlib.suppress(TimeoutError):
                self._left = self._receive(min(timeout_s, limit.left_s()))
        return bool(self._left)

    def _receive(self, timeout_s: float) -> bytes:
        try:
            message = self._connection.recv(timeout_s)
        except ConnectionClosed as error:
            raise ConnectionResetError(f"it closed the WebSocket: {error}") from error
        if isinstance(message, str):
            raise ConnectionResetError(f"it sent a text, not bytes: {message[:80]!r}")
        return message


@contextlib.contextmanager
def vnc_at_socket(path: Path, *, timeout_s: float, password: str | None = None) -> Iterator[Rfb]:
    """A VNC session through a unix socket that leads to a VNC server.

    :param timeout_s: for the connection, for all of the greeting, and for all of each picture.
    :param password: for a server that wants one.
    :raises RfbError: nobody answers, not in time, or not as a VNC server does that lets us in.
    :raises TransportError: there is nobody at the socket.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(path))
        except OSError as error:
            raise TransportError(f"the way to a VNC server is lost: {path}: {error}") from error
        yield Rfb(SocketStream(connection), timeout_s=timeout_s, password=password)


@contextlib.contextmanager
def vnc_at_address(address: str, port: int, *, timeout_s: float) -> Iterator[Rfb]:
    """A VNC session with a VNC server at a TCP address; for the rest see :func:`vnc_at_socket`."""
    try:
        connection = socket.create_connection((address, port), timeout=timeout_s)
    except OSError as error:
        raise RfbError(f"nobody answers at {address}:{port}: {error}") from error
    with connection:
        yield Rfb(SocketStream(connection), timeout_s=timeout_s)


@contextlib.contextmanager
def vnc_at_websocket(path: Path, url: str, *, timeout_s: float, password: str | None = None) -> Iterator[Rfb]:
    """A VNC session through a WebSocket, behind a unix socket that leads to its server.

    :param url: ``ws://host:port/path`` as that server is to see it.
    :raises RfbError: as :func:`vnc_at_socket`, and where there is no such WebSocket.
    :raises TransportError: as there.
    """
    with contextlib.ExitStack() as stack:
        try:
            connection = stack.enter_context(
                unix_connect(
                    str(path),
                    url,
                    subprotocols=[_BINARY],
                    compression=None,
                    open_timeout=timeout_s,
                    close_timeout=1,
                    ping_interval=None,  # how long silence may last is told by our own deadlines
                    max_size=_LARGEST_MESSAGE,
                    max_queue=_MESSAGES_HELD,
                )
            )
        except _NOBODY_LISTENS as error:
            raise TransportError(f"the way to {url} is lost: {path}: {error}") from error
        # An AssertionError is what websockets has for a peer that hangs up while it is still being asked.
        except (OSError, EOFError, ValueError, WebSocketException, AssertionError) as error:
            raise RfbError(f"no WebSocket at {url}: {error or type(error).__name__}") from error
        yield Rfb(WebSocketStream(connection), timeout_s=timeout_s, password=password)
