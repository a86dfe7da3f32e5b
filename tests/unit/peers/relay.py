"""A unix socket's server at a port of this machine, for clients that know TCP alone."""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    target: Path


class _Handler(socketserver.BaseRequestHandler):
    server: Any

    def handle(self) -> None:
        """Carry bytes both ways until one side ends."""
        with socket.socket(socket.AF_UNIX) as target:
            target.connect(str(self.server.target))
            other = {self.request: target, target: self.request}
            with contextlib.suppress(OSError):
                while data := self._more(other, target):
                    source, content = data
                    other[source].sendall(content)

    def _more(self, other: dict[Any, Any], target: socket.socket) -> tuple[Any, bytes] | None:
        ready, _, _ = select.select(list(other), [], [])
        source = target if target in ready else ready[0]  # an answer may come before all was asked
        content = source.recv(65536)
        return (source, content) if content else None


@contextlib.contextmanager
def relay(path: Path) -> Iterator[str]:
    """The URL at which the server behind the socket ``path`` is to be had."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.target = path
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
