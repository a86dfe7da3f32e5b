"""A peer of any protocol that begins as it should and then misbehaves: silent, dripping, flooding, closing
halfway, answering garbage."""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Say = Callable[[bytes], None]
DRIP_S = 0.05

MANNERS = ("silent", "dripping", "flooding", "closing", "garbage")


@dataclass(frozen=True)
class Words:
    """What a protocol's peer may say.

    :param good: an answer as it should be; it is dripped, or broken off halfway.
    :param endless: what may come any number of times without being an answer.
    """

    good: bytes
    endless: bytes


def behave(manner: str, words: Words, say: Say, over: threading.Event) -> None:
    """Say what one of that manner says, until it is over."""
    if manner == "silent":
        over.wait()
    elif manner == "dripping":
        for byte in itertools.chain(words.good[:-1], itertools.repeat(0)):
            say(bytes([byte]))
            if over.wait(DRIP_S):
                return
    elif manner == "flooding":
        many = words.endless * max(1, (1 << 16) // len(words.endless))
        while not over.is_set():
            say(many)
    elif manner == "closing":
        say(words.good[: len(words.good) // 2])
    elif manner == "garbage":
        say(random.Random(manner).randbytes(4096) + b"\r\n\r\n")  # noqa: S311 - the same each time
    else:
        raise ValueError(manner)


@contextlib.contextmanager
def misbehaving(
    where: Path | tuple[str, int],
    manner: str,
    words: Words,
    *,
    opening: Callable[[socket.socket], object] = lambda connection: connection.recv(65536),
) -> Iterator[int]:
    """Serves at a unix socket, or on loopback, whose port is yielded.

    :param opening: what goes well before: default is to hear what is asked.
    """
    over = threading.Event()
    with _listening(where) as listener:

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError, EOFError):
                connection.settimeout(60)
                opening(connection)
                behave(manner, words, connection.sendall, over)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield 0 if isinstance(where, Path) else int(listener.getsockname()[1])
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)


def _listening(where: Path | tuple[str, int]) -> socket.socket:
    if not isinstance(where, Path):
        return socket.create_server(where)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(where))
    listener.listen()
    return listener
