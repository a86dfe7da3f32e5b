"""Controllers that answer as none should: silent, dripping, flooding, half, garbage, or never done."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Behaviour = Callable[[socket.socket, threading.Event], None]
"""What one does with a connection, until it is told to end."""

DRIP_S = 0.3
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def silent(_: socket.socket, ended: threading.Event) -> None:
    """Takes the request, and says nothing."""
    ended.wait()


def drips(text: bytes, *, pause_s: float = DRIP_S) -> Behaviour:
    """Says a text a byte at a time, and its last byte for ever."""

    def drip(link: socket.socket, ended: threading.Event) -> None:
        for byte in text:
            link.sendall(bytes([byte]))
            if ended.wait(pause_s):
                return
        repeats(text[-1:], pause_s=pause_s)(link, ended)

    return drip


def says(text: bytes) -> Behaviour:
    """Says a text, and hangs up."""

    def say(link: socket.socket, _: threading.Event) -> None:
        link.sendall(text)
        link.shutdown(socket.SHUT_WR)
        while link.recv(65536):  # what it has not read would make the end a reset
            pass

    return say


def repeats(text: bytes, *, pause_s: float = 0, first: bytes = b"") -> Behaviour:
    """Says a text again and again."""

    def repeat(link: socket.socket, ended: threading.Event) -> None:
        link.sendall(first)
        while not ended.wait(pause_s):
            link.sendall(text)

    return repeat


CROOKED: dict[str, Behaviour] = {
    "silent": silent,
    "drips its status line": drips(b"HTTP/1.1 200 OK" + b"x" * 500),
    "drips its headers": repeats(b"X", pause_s=DRIP_S, first=HEAD),
    "drips its body": repeats(b"x", pause_s=DRIP_S, first=HEAD + b"Content-Length: 100000\r\n\r\n"),
    "drips chunks": repeats(
        b"1\r\nx\r\n", pause_s=DRIP_S, first=HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    ),
    "drips a body without a length": repeats(b"x", pause_s=DRIP_S, first=HEAD + b"\r\n"),
    "floods a body without a length": repeats(b"x" * 65536, first=HEAD + b"\r\n"),
    "floods a body of a length": repeats(b"x" * 65536, first=HEAD + b"Content-Length: 1000000000000\r\n\r\n"),
    "floods chunks": repeats(
        b"10000\r\n" + b"x" * 65536 + b"\r\n", first=HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    ),
    "one endless header": repeats(b"x" * 65536, first=HEAD + b"X: "),
    "endless headers": repeats(b"X: y\r\n" * 1000, first=HEAD),
    "for ever continues": repeats(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "continues now and then": repeats(b"HTTP/1.1 100 Continue\r\n\r\n", pause_s=DRIP_S),
    "closes at once": says(b""),
    "closes in its body": says(HEAD + b'Content-Length: 100\r\n\r\n{"sessionId": '),
    "closes in a chunk": says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n64\r\nxx"),
    "garbage": says(bytes(range(256)) * 8),
    "a banner of another protocol": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "a status that is no number": says(b"HTTP/1.1 abc OK\r\n\r\n"),
    "a chunk of no size": says(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "a chunk of a huge size": says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 400 + b"\r\n"),
}
"""None of them ever gives an answer."""


@contextlib.contextmanager
def crooked_controller(behaviour: Behaviour) -> Iterator[str]:
    """Where such a one listens; every connection is met in the same way."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        threads = [threading.Thread(target=_accept, args=(server, behaviour, ended), daemon=True)]
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)
            threads[0].join(60)


def _accept(server: socket.socket, behaviour: Behaviour, ended: threading.Event) -> None:
    with contextlib.suppress(OSError):  # it is closed
        while True:
            link = server.accept()[0]
            threading.Thread(target=_meet, args=(link, behaviour, ended), daemon=True).start()


def _meet(link: socket.socket, behaviour: Behaviour, ended: threading.Event) -> None:
    with link, contextlib.suppress(OSError):  # whoever asked has gone
        link.recv(65536)
        behaviour(link, ended)
