"""Asks a running Node.js process through its inspector (Chrome DevTools Protocol).

A process that ends while a session is open waits for it to close: leave the session before it does.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

_RESULT = "the inspector's result"
_ANSWER_LIMIT = 64 << 20
_MESSAGE_LIMIT = 16 << 20  # a script is told of with its source map, where that is in it
_MOST_SCRIPTS = 20_000


@dataclass(frozen=True)
class RemoteValue:
    """A value in the process: itself where it is a plain one, else an object that can be asked by its id."""

    told: dict[str, Any]

    @property
    def value(self) -> Any:
        """The plain value."""
        return self.told.get("value")

    @property
    def object_id(self) -> str:
        """What the object is asked by.

        :raises UnreadableError: it is a plain value.
        """
        return read_as(str, self.told.get("objectId"), whose="the inspector's id of an object")


def _remote(told: object) -> RemoteValue:
    return RemoteValue(read_as(dict[str, Any], told or {}, whose=_RESULT))


class Inspector:
    """A debugging session with one process."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self.scripts: dict[str, str] = {}
        """The URL of each script by its id, once ``Debugger.enable`` was called."""

    def call(self, method: str, *, timeout_s: float = 10, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol; returns its result.

        :raises TransportError: no answer, or it was refused; an expression that threw was, too.
        """
        self._number += 1
        request = {"id": self._number, "method": method, "params": params}
        limit = Limit("the inspector's answer", seconds=timeout_s, size=_ANSWER_LIMIT)
        try:
            self._connection.send(json.dumps(request))
            answer = self._answer(limit)
        except TimeoutError as error:
            raise TransportError(f"the inspector did not answer: {limit.up()}") from error
        except (WebSocketException, LimitReached) as error:
            raise TransportError(f"the inspector did not answer: {error}") from error
        result = read_as(dict[str, Any], answer.get("result", {}), whose=_RESULT)
        if "error" in answer or "exceptionDetails" in result:
            asked = str(params.get("expression") or method)
            told = beginning(json.dumps(answer), 300)
            raise TransportError(f"the inspector refused {beginning(asked, 80)!r}: {told}")
        return result

    def evaluate(self, expression: str, *, timeout_s: float = 10) -> RemoteValue:
        """Evaluate an expression in the process's global scope, where ``require`` is known.

        :raises TransportError: no answer, or the expression threw at once.
        """
        result = self.call(
            "Runtime.evaluate", timeout_s=timeout_s, expression=expression, includeCommandLineAPI=True
        )
        return _remote(result.get("result"))

    def evaluate_on(self, target: RemoteValue, function: str) -> RemoteValue:
        """What a function returns that is called with ``this`` such an object.

        :raises TransportError: no answer, or it threw.
        """
        result = self.call("Runtime.callFunctionOn", objectId=target.object_id, functionDeclaration=function)
        return _remote(result.get("result"))

    def elements(self, target: RemoteValue) -> list[RemoteValue]:
        """What is in a list, in order.

        :raises TransportError: no answer.
        """
        rows = read_as(list[dict[str, Any]], self._properties(target).get("result", []), whose=_RESULT)
        return [_remote(row.get("value")) for row in rows if str(row.get("name")).isdecimal()]

    def internals(self, target: RemoteValue) -> dict[str, RemoteValue]:
        """What only the engine knows of an object, as ``[[FunctionLocation]]``.

        :raises TransportError: no answer.
        """
        told = self._properties(target).get("internalProperties", [])
        rows = read_as(list[dict[str, Any]], told, whose=_RESULT)
        return {str(row.get("name")): _remote(row.get("value")) for row in rows}

    def _properties(self, target: RemoteValue) -> dict[str, Any]:
        return self.call("Runtime.getProperties", objectId=target.object_id, ownProperties=True)

    def _answer(self, limit: Limit) -> dict[str, Any]:
        """The answer to the last request; what else is said meanwhile, events and garbage, is passed over."""
        while True:
            message = self._connection.recv(timeout=limit.left_s())
            limit.take(len(message))
            with contextlib.suppress(UnreadableError):
                told = read_json(message, whose="the inspector")
                if isinstance(told, dict) and told.get("id") == self._number:
                    return told
                self._note(told)

    def _note(self, event: object) -> None:
        """Keep the URL of a script that is told of."""
        if isinstance(event, dict) and event.get("method") == "Debugger.scriptParsed":
            script = read_as(dict[str, Any], event.get("params"), whose="the inspector's script")
            if len(self.scripts) < _MOST_SCRIPTS:
                self.scripts[str(script.get("scriptId"))] = str(script.get("url"))


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
            str(socket),
            uri=url,
            open_timeout=timeout_s,
            close_timeout=1,
            compression=None,
            max_size=_MESSAGE_LIMIT,
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
