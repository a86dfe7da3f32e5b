"""A peer at a unix socket that answers each request with prepared bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path


class FakePeer:
    """Serves one connection after another; ``requests`` holds what was asked, head and body."""

    def __init__(self, path: Path, answers: list[bytes]) -> None:
        self.requests: list[str] = []
        self._answers = answers
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=60)
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # stopped
                return
            with connection, contextlib.suppress(ConnectionError):  # whoever asked has heard enough
                while request := _read_request(connection):
                    self.requests.append(request)
                    if not self._answers:
                        break
                    connection.sendall(self._answers.pop(0))


def _read_request(connection: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(65536)
        if not block:
            return ""
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return f"{head.splitlines()[0].decode().rsplit(' ', 1)[0]} {body.decode()}".strip()


@contextlib.contextmanager
def fake_peer(path: Path, *answers: bytes) -> Iterator[FakePeer]:
    """A peer that gives these answers and then hangs up."""
    peer = FakePeer(path, list(answers))
    try:
        yield peer
    finally:
        peer.stop()


@contextlib.contextmanager
def mute_peer(path: Path) -> Iterator[None]:
    """A peer that takes connections and says nothing."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        yield


def answer(status: int, body: str = "") -> bytes:
    """An answer as Firecracker writes it: an empty reason, and no length where there is no body."""
    head = f"HTTP/1.1 {status} \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
    return f"{head}\r\n{body}".encode()
