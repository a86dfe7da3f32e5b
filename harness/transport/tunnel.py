"""A TCP port on loopback that leads into a unix socket, for clients that need TCP."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_CHUNK = 1 << 16


@contextlib.contextmanager
def loopback_tunnel(target: Path) -> Iterator[int]:
    """The port, while the block runs. Whoever connects to it talks to ``target``; the end closes all."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((LOOPBACK, 0)))
        opened: list[socket.socket] = []
        stack.callback(_close_all, opened)
        thread = threading.Thread(target=_accept, args=(listener, target, opened), daemon=True)
        thread.start()
        stack.callback(thread.join, 5)
        # shutdown() wakes accept(); close() alone does not.
        stack.callback(listener.shutdown, socket.SHUT_RDWR)
        yield listener.getsockname()[1]


def _accept(listener: socket.socket, target: Path, opened: list[socket.socket]) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # the tunnel was closed
        server = socket.socket(socket.AF_UNIX)
        opened += [client, server]
        try:
            server.connect(str(target))
        except OSError as error:
            log.warning("%s: %s", target, error.strerror)
            client.close()
            continue
        threading.Thread(target=_relay, args=(client, server), daemon=True).start()


def _relay(client: socket.socket, server: socket.socket) -> None:
    """Both ways until either side ends; then both are closed."""
    other = {client: server, server: client}
    with client, server, selectors.DefaultSelector() as selector:
        for side in other:
            selector.register(side, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                source = key.fileobj
                assert isinstance(source, socket.socket)  # noqa: S101 - for the type checker
                try:
                    data = source.recv(_CHUNK)
                    other[source].sendall(data)
                except OSError:
                    return  # one side was closed
                if not data:
                    return


def _close_all(opened: list[socket.socket]) -> None:
    for one in opened:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
