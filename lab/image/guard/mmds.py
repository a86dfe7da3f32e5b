"""The identity that a launcher may give a clone, asked of Firecracker's metadata service."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

ADDRESS = ("169.254.169.254", 80)
TIMEOUT_S = 3.0
"""Patience costs nothing where the service answers, which takes milliseconds. But on a busy machine a clone
that gave up too soon would keep the snapshot's address, and a snapshot made then would never ask again."""

_REQUEST = (
    b"GET /clone HTTP/1.1\r\nHost: 169.254.169.254\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
)


class Question:
    """One request, begun now and answered later: its way there and back costs no time of its own."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._deadline = time.monotonic() + timeout_s
        self._connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._connection.connect_ex(ADDRESS)

    def answer(self) -> dict[str, Any] | None:
        """What is stored under ``/clone``: ``{}`` where nothing is, None where no service answers."""
        try:
            with self._connection:
                self._connection.settimeout(max(self._deadline - time.monotonic(), 0.01))
                self._connection.sendall(_REQUEST)
                said = _answer(self._connection)
        except OSError:
            return None
        head, _, body = said.partition(b"\r\n\r\n")
        if b" 200" not in head.split(b"\r\n", 1)[0]:
            return {}
        found = json.loads(body)
        return found if isinstance(found, dict) else {}


def identity(timeout_s: float = TIMEOUT_S) -> dict[str, Any] | None:
    """Ask, and wait for the answer."""
    return Question(timeout_s).answer()


def _answer(connection: socket.socket) -> bytes:
    """All of the answer: up to its declared length, for not every service closes the connection."""
    answer = b""
    while chunk := connection.recv(65536):
        answer += chunk
        head, blank, body = answer.partition(b"\r\n\r\n")
        if blank and len(body) >= _length(head):
            break
    return answer


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
