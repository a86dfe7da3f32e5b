"""Servers that speak PostgreSQL's protocol as far as it suits them, on loopback."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

Behaviour = Callable[[socket.socket, threading.Event], None]
"""What a server does with a connection, until the event says that it is over."""

_TLS_REQUEST = 80877103
_DRIP_S = 0.05


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


_ROW_HEAD = _message(b"T", struct.pack("!H", 1) + b"x\0" + struct.pack("!IhIhih", 0, 0, 25, -1, -1, 0))
_LONG_ROW = _message(b"D", struct.pack("!HI", 1, 65536) + b"x" * 65536)
_LONG_NOTICE = _message(b"N", b"SNOTICE\0C00000\0M" + b"x" * 8192 + b"\0\0")
_LONG_ERROR = b"E" + struct.pack("!I", 20000)


def silent(_: socket.socket, over: threading.Event) -> None:
    """Never says a word."""
    over.wait()


def dripping(client: socket.socket, over: threading.Event) -> None:
    """Says a long word, a byte now and then: no single read waits for long."""
    client.sendall(_LONG_ERROR)
    while not over.wait(_DRIP_S):
        client.sendall(b"x")


def flooding(client: socket.socket, over: threading.Event) -> None:
    """Rows without end."""
    client.sendall(_ROW_HEAD)
    while not over.is_set():
        client.sendall(_LONG_ROW)


def noticing(client: socket.socket, over: threading.Event) -> None:
    """Notices without end."""
    while not over.is_set():
        client.sendall(_LONG_NOTICE)


def hanging_up(client: socket.socket, _: threading.Event) -> None:
    """Closes in the middle of a word."""
    client.sendall(_LONG_ROW[:100])


def babbling(client: socket.socket, over: threading.Event) -> None:
    """Is no database at all."""
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" * 50)
    over.wait()


_STATUSES = {"client_encoding": "UTF8", "server_encoding": "UTF8", "server_version": "15.0"}
_WELCOME = {
    "startup": b"",
    "login": _message(b"R", struct.pack("!I", 0)),
    "question": b"".join(
        [
            _message(b"R", struct.pack("!I", 0)),
            *(_message(b"S", f"{name}\0{value}\0".encode()) for name, value in _STATUSES.items()),
            _message(b"K", struct.pack("!II", 1, 1)),
            _message(b"Z", b"I"),
        ]
    ),
}
MOMENTS = tuple(_WELCOME)
"""When it stops being a good server: at a client's first word, once it was let in, at its first question."""


def _read_startup(client: socket.socket) -> None:
    while True:
        length, code = struct.unpack("!II", client.recv(8, socket.MSG_WAITALL))
        client.recv(length - 8, socket.MSG_WAITALL)
        if code != _TLS_REQUEST:
            return
        client.sendall(b"N")


@contextlib.contextmanager
def bad_database(
    behaviour: Behaviour, *, at: str, address: str = "127.0.0.1", port: int = 0
) -> Iterator[int]:
    """The port of a server that behaves so.

    :param at: from when on: one of :data:`MOMENTS`.
    :param port: where it listens; 0 for any that is free.
    """
    over = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client, contextlib.suppress(OSError, struct.error):
                    _read_startup(client)
                    client.sendall(_WELCOME[at])
                    if at == "question":
                        client.recv(65536)
                    behaviour(client, over)

    with socket.create_server((address, port)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)
