"""A listener that takes every connection, answers none, and keeps what came over each. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. What is kept may be shown: of an HTTP request
its method and path, of anything else how much it was. Headers, bodies and queries may hold secrets.
"""

from __future__ import annotations

import asyncio
import collections
import re
import socket
import time
from typing import Any

_MOST_HELD = 256
_MOST_READ = 1 << 20  # of one connection: whoever sends more has to wait
_LONGEST_LINE = 4096
_LONGEST_PATH = 200
_CHUNK = 1 << 16
_FULL_S = 1.0  # until it is looked again whether this process may open more
_REQUEST = re.compile(rb"([A-Z]{1,16}) (?:https?://[^/?# ]*)?([^?# ]*)\S* HTTP/1\.[01]\r?\n")


class Connection:
    """One of them. A client of HTTP/1 sends no second request over it before the first is answered: never."""

    def __init__(self, taken: socket.socket) -> None:
        self._taken = taken
        self._came = time.monotonic()
        self._closed: float | None = None
        self._by = ""
        self._size = 0
        self._line = b""
        taken.setblocking(False)
        asyncio.get_running_loop().add_reader(taken, self._read)

    def account(self, began: float) -> dict[str, Any]:
        """When it came and went, and what came over it."""
        return {
            "came_s": self._came - began,
            "size": self._size,
            "request": self._request(),
            "closed_s": None if self._closed is None else self._closed - began,
            "closed_by": self._by,
        }

    def close(self, by: str = "us") -> None:
        """Close it; the first reason counts."""
        if self._closed is None:
            asyncio.get_running_loop().remove_reader(self._taken)
            self._taken.close()
            self._closed, self._by = time.monotonic(), by

    def _read(self) -> None:
        try:
            data = self._taken.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self.close(error.strerror or "an error")
            return
        if not data:
            self.close("the agent")
            return
        self._size += len(data)
        self._line += data[: _LONGEST_LINE - len(self._line)]
        if self._size >= _MOST_READ:
            asyncio.get_running_loop().remove_reader(self._taken)

    def _request(self) -> str:
        found = _REQUEST.match(self._line)
        if found is None:
            return ""
        method, path = (part.decode("ascii", "replace") for part in found.groups())
        return f"{method} {path[:_LONGEST_PATH] or '/'}"


class Mute:
    """Takes what comes to a listening socket; of many connections, the newest are held and told of."""

    def __init__(self, listening: socket.socket) -> None:
        self._began = time.monotonic()
        self._count = 0
        self._listening = listening
        self._held: collections.deque[Connection] = collections.deque()
        self._stopped = False
        listening.setblocking(False)
        self._listen()

    def account(self) -> dict[str, Any]:
        """How many came, when it is now, and each; all times since it began to listen."""
        return {
            "count": self._count,
            "now_s": time.monotonic() - self._began,
            "connections": [one.account(self._began) for one in self._held],
        }

    def stop(self) -> None:
        """Stop listening and drop what is held."""
        self._stopped = True
        asyncio.get_running_loop().remove_reader(self._listening)
        self._listening.close()
        for held in self._held:
            held.close()

    def _listen(self) -> None:
        if not self._stopped:
            asyncio.get_running_loop().add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        try:
            self._held.append(Connection(self._listening.accept()[0]))
            self._count += 1
        except (BlockingIOError, ConnectionError):  # the caller has gone again
            return
        except OSError:  # too many files are open
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._listening)
            loop.call_later(_FULL_S, self._listen)
        while len(self._held) > _MOST_HELD:
            self._held.popleft().close()
