"""Runs an expression inside a running Node.js process through its inspector (Chrome DevTools Protocol).

A process that ends while a session is open waits for it to close: leave the session before it does.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, unix_connect

from harness.answers import read_as, read_json
from harness.custodian.limits import Limit, LimitReached
from harness.errors import TransportError, UnreadableError
from harness.text import beginning
from harness.transport.http import client_over
from harness.urls import read_url
from harness.wait import wait_until

_LIST = "the inspector's /json/list"
PORT = 9229
"""Where a Node.js process that got SIGUSR1 listens, on its own loopback."""

_ANSWER_LIMIT = 4 << 20


class Inspector:
    """A debugging session with one process."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0

    def evaluate(self, expression: str, *, timeout_s: float = 10) -> None:
        """Evaluate an expression in the process's global scope.

        :raises TransportError: no answer, or the expression threw at once.
        """
        self._number += 1
        request = {"id": self._number, "method": "Runtime.evaluate", "params": {"expression": expression}}
        limit = Limit("the inspector's answer", seconds=timeout_s, size=_ANSWER_LIMIT)
        try:
            self._connection.send(json.dumps(request))
            answer = self._answer(limit)
        except TimeoutError as error:
            raise TransportError(f"the inspector did not answer: {limit.up()}") from error
        except (WebSocketException, LimitReached) as error:
            raise TransportError(f"the inspector did not answer: {error}") from error
        result = read_as(dict[str, Any], answer.get("result", {}), whose="the inspector's result")
        if "error" in answer or "exceptionDetails" in result:
            raise TransportError(
                f"the inspector refused {expression[:80]!r}: {beginning(json.dumps(answer), 300)}"
            )

    def _answer(self, limit: Limit) -> dict[str, Any]:
        """The answer to the last request; what else is said meanwhile, events and garbage, is passed over."""
        while True:
            message = self._connection.recv(timeout=limit.left_s())
            limit.take(len(message))
            with contextlib.suppress(UnreadableError):
                told = read_json(message, whose="the inspector")
                if isinstance(told, dict) and told.get("id") == self._number:
                    return told


@contextmanager
def inspector(socket: Path, *, timeout_s: float = 15) -> Iterator[Inspector]:
    """A session with the process whose inspector is behind a local unix socket; waits for it to listen.

    :raises WaitTimeoutError: nothing there answers as an inspector.
    """
    url = wait_until(
        lambda: _session_url(socket),
        what="the Node.js inspector",
        timeout_s=timeout_s,
        interval_s=0.1,
        retry_on=(httpx.HTTPError, ValueError),
        hint="does the agent run in Node.js, and does it leave SIGUSR1 alone?",
    )
    try:
        connection = unix_connect(
            str(socket), uri=url, open_timeout=timeout_s, close_timeout=1, compression=None
        )
    # An AssertionError is what websockets has for a peer that hangs up while it is still being asked.
    except (OSError, EOFError, ValueError, WebSocketException, AssertionError) as error:
        raise TransportError(f"the inspector refused a session: {error or type(error).__name__}") from error
    with connection:
        yield Inspector(connection)


def _session_url(socket: Path) -> str:
    with client_over(socket, f"http://127.0.0.1:{PORT}", timeout_s=5) as client:
        answer = client.get("/json/list")
        said = answer.raise_for_status().content
    return session_url(said)


def session_url(said: bytes) -> str:
    """Where to open a session, as the inspector lists it; empty where it lists none.

    :raises UnreadableError: it lists no such thing.
    """
    listed = read_as(list[dict[str, Any]], read_json(said, whose=_LIST), whose=_LIST)
    return read_url(listed[0].get("webSocketDebuggerUrl"), whose=_LIST).text if listed else ""
