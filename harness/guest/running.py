"""The running agent as its own inspector tells it: which handlers it has, and which servers listen where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.answers import read_as, read_json
from harness.errors import TransportError
from harness.guest.inspector import Inspector, RemoteValue
from harness.guest.places import Place, path_of

PROCESS_EVENTS = ("uncaughtException", "unhandledRejection")
_WHOSE = "the agent's inspector"
_MOST = 64
_HEAP_S = 60.0
_SERVER = "(typeof require === 'function' ? require : process.getBuiltinModule)('net').Server.prototype"
_SERVERS = f"""function () {{
    const listens = (one) => {{ try {{ return one.address(); }} catch (_error) {{ return false; }} }};
    return this.filter(listens).slice(0, {_MOST});
}}"""
_ADDRESSES = """function () {
    return JSON.stringify(this.map((one) => {
        const told = one.address();
        return typeof told === 'object' ? [String(told.address), told.port] : [String(told), 0];
    }));
}"""
_ERRORS = "function () { return this.map((one) => one.listeners('error')); }"
_CAPTURES = "(process.hasUncaughtExceptionCaptureCallback || (() => false))()"


@dataclass(frozen=True)
class Server:
    """A server of the process, where it listens, and where its listeners of ``error`` are written."""

    address: str
    port: int
    errors: tuple[Place | None, ...]


@dataclass(frozen=True)
class Running:
    """A process: its listeners for both events, by where they are written; and its servers that listen."""

    pid: int
    handlers: Mapping[str, tuple[Place | None, ...]]
    servers: tuple[Server, ...]

    def servers_at(self, port: int) -> list[Server]:
        """The servers on that port: a process may have one for each of its addresses."""
        return [one for one in self.servers if one.port == port]


def look_at_process(session: Inspector, pid: int, *, inside: int) -> Running:
    """All of that of a process.

    :param inside: its pid as it sees it itself.
    :raises TransportError: it did not tell, or told what cannot be read; or the inspector is another's.
    """
    answered = session.evaluate("process.pid").value
    if answered != inside:
        raise TransportError(
            f"the inspector that answers is process {answered}'s, and the agent is process {inside}",
            hint="does something else in the guest run with --inspect?",
        )
    session.call("Debugger.enable", timeout_s=_HEAP_S)
    try:
        handlers = {event: _listeners(session, event) for event in PROCESS_EVENTS}
        return Running(pid, handlers, _servers(session))
    finally:
        session.call("Debugger.disable")


def _listeners(session: Inspector, event: str) -> tuple[Place | None, ...]:
    found = _places(session, session.evaluate(f"process.listeners({event!r})"))
    captures = event == "uncaughtException" and session.evaluate(_CAPTURES).value is True
    return (*found, None) if captures else found


def _servers(session: Inspector) -> tuple[Server, ...]:
    prototype = session.evaluate(_SERVER)
    told = session.call("Runtime.queryObjects", timeout_s=_HEAP_S, prototypeObjectId=prototype.object_id)
    everything = RemoteValue(read_as(dict[str, Any], told.get("objects"), whose=_WHOSE))
    servers = session.evaluate_on(everything, _SERVERS)
    text = read_as(str, session.evaluate_on(servers, _ADDRESSES).value, whose=_WHOSE)
    addresses = read_as(list[tuple[str, int]], read_json(text, whose=_WHOSE), whose=_WHOSE)
    errors = [_places(session, one) for one in session.elements(session.evaluate_on(servers, _ERRORS))]
    return tuple(
        Server(address, port, places) for (address, port), places in zip(addresses, errors, strict=False)
    )


def _places(session: Inspector, functions: RemoteValue) -> tuple[Place | None, ...]:
    return tuple(_place(session, one) for one in session.elements(functions)[:_MOST])


def _place(session: Inspector, function: RemoteValue) -> Place | None:
    """Where a function is written; of a bound one, where that is which it stands for."""
    known = session.internals(function)
    if target := known.get("[[TargetFunction]]"):
        known = session.internals(target)
    location = known.get("[[FunctionLocation]]")
    if location is None:
        return None
    told = read_as(dict[str, Any], location.value, whose=_WHOSE)
    url = session.scripts.get(str(told.get("scriptId")), "")
    line, column = (read_as(int, told.get(key), whose=_WHOSE) for key in ("lineNumber", "columnNumber"))
    return Place(path_of(url), line + 1, column + 1) if url else None
