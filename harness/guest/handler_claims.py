"""The runbook's claims about handlers (step 3), held against what the agent's runtime told.

Each is a :class:`Finding`: problems make a FAIL; where there are none, ``unproven`` says what was not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.guest.endings import endings, table
from harness.guest.places import Place, told_with
from harness.guest.preload import Record
from harness.guest.running import PROCESS_EVENTS, Server
from harness.guest.runtime import AgentRuntime
from harness.guest.trial import EMITTED, EXIT_S, REJECTED, THROWN

_WAYS = dict(zip(PROCESS_EVENTS, (THROWN, REJECTED), strict=True))
_EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - what the runbook asks for


@dataclass(frozen=True)
class Finding:
    """What there is to say of a claim."""

    problems: tuple[str, ...] = ()
    unproven: str = ""


def handler_is_first(seen: AgentRuntime, event: str) -> Finding:
    """A handler for an event of the process is registered before the server listens, and stays."""
    return _finding(seen, [*_not_running(seen, event), *_not_first(seen, event)], by_preload=True)


def handler_exits(seen: AgentRuntime, event: str) -> Finding:
    """Whatever is thrown, or rejected, ends the agent in time, and with a code other than 0."""
    way = _WAYS[event]
    tried = _first_tried(seen, way)
    none = tried is not None and tried.count("handlers", event) == 0
    missing = [f"there was no handler of {event!r} to be tried: the ends below are Node.js's own"]
    places = [one.place for one in seen.started.of("registered", event)] if seen.started else []
    return _tried(seen, way, missing if none else [], places)


def server_error_exits(seen: AgentRuntime) -> Finding:
    """The server has a listener of ``error``, and an error ends the agent with a code other than 0."""
    problems = [
        f"the running agent's server on {one.address}:{one.port} has no listener of 'error'"
        for one in _servers(seen)
        if not one.errors
    ]
    listened = _listened(seen)
    if listened and not listened.errors:
        where = told_with(listened.place, seen.sources)
        problems.append(f"the server has no listener of 'error' once it listens: {where}")
    return _tried(seen, EMITTED, problems, listened.errors if listened else [])


def listens_on_every_address(seen: AgentRuntime) -> Finding:
    """The server was told to listen on 0.0.0.0, and does."""
    problems, servers = [], _servers(seen)
    if servers and _EVERY_ADDRESS not in [one.address for one in servers]:
        at = ", ".join(f"{one.address}:{one.port}" for one in servers)
        problems.append(f"the running agent's server listens on {at}")
    listened = _listened(seen)
    if listened and listened.told.get("address") != _EVERY_ADDRESS:
        where = told_with(listened.place, seen.sources)
        problems.append(f"started anew it listens on {listened.told.get('address')}:{seen.port}: {where}")
    if problems:
        problems.append(f"expected server.listen({seen.port}, '{_EVERY_ADDRESS}', …)")
    return _finding(seen, problems, by_preload=not servers)


def _servers(seen: AgentRuntime) -> list[Server]:
    return seen.running.servers_at(seen.port) if seen.running else []


def _not_running(seen: AgentRuntime, event: str) -> Iterator[str]:
    """Where the running agent has no handler, whatever one that is started anew has."""
    if seen.running and not seen.running.handlers[event]:
        anew = bool(seen.started and seen.started.of("registered", event))
        why = ", though it registers one when it is started anew: what runs is not what its files say"
        who = f"the running agent (process {seen.running.pid})"
        yield f"{who} has no handler of {event!r}{why if anew else ''}"


def _not_first(seen: AgentRuntime, event: str) -> Iterator[str]:
    """What is wrong with when the handler came, and with how long it stayed."""
    process, listened = seen.started, _listened(seen)
    if process is None or listened is None:
        return
    server = f"the server listens ({told_with(listened.place, seen.sources)})"
    registered = process.of("registered", event)
    removed = process.of("removed", event)
    where = told_with(registered[0].place, seen.sources) if registered else ""
    if listened.count("before", event) == 0:
        if not registered:
            running = seen.running and seen.running.handlers[event]
            unlike = ", unlike in the running agent," if running else ","
            yield f"nothing registers a handler of {event!r}{unlike} neither before nor after {server}"
        elif removed and removed[0].at_s < listened.at_s:
            yield f"its handler of {event!r} is removed before {server}: {_last(removed, seen)}"
        else:
            yield f"its handler of {event!r} comes after {server}: {where}"
    elif process.tried and process.tried.count("handlers", event) == 0:
        yield f"its handler of {event!r} ({where}) is removed once {server}: {_last(removed, seen)}"


def _last(removed: list[Record], seen: AgentRuntime) -> str:
    return told_with(removed[-1].place if removed else None, seen.sources)


def _tried(seen: AgentRuntime, way: str, problems: list[str], places: list[Place | None]) -> Finding:
    """What came of all that is tried in one way, beside problems that there are without it."""
    found = endings(seen.trial, [way])
    failed = [one for one in found if one.ok is False]
    if failed:
        problems.append(
            f"{len(failed)} of {len(found)} did not end the agent within {EXIT_S:g} s, and with a code other "
            f"than 0"
        )
    if problems and any(one.ok is not None for one in found):
        problems.append(table(found))
    if failed and places:
        problems.append(f"  registered at {told_with(places[0], seen.sources)}")
    if not problems and any(one.ok is None for one in found):
        why = "" if seen.started else _no_start(seen)
        return Finding((), why or f"not all of it could be tried in the time that there is:\n{table(found)}")
    return Finding(tuple(problems))


def _finding(seen: AgentRuntime, problems: list[str], *, by_preload: bool) -> Finding:
    """Problems; or what was not seen, where only the preload tells it, and nothing listened under that."""
    if problems or seen.started or not by_preload:
        return Finding(tuple(problems))
    return Finding((), _no_start(seen))


def _no_start(seen: AgentRuntime) -> str:
    inspector = f"; by its inspector: {seen.no_inspector}" if seen.no_inspector else ""
    return (
        f"under a preload (NODE_OPTIONS=--require) no server of the agent listened on port {seen.port}: "
        f"nothing was seen or tried; {seen.no_start}{inspector}. Does it run in Node.js, with "
        "NODE_OPTIONS left as systemd sets it, and a server of node:http or node:net?"
    )


def _first_tried(seen: AgentRuntime, way: str) -> Record | None:
    tried = (one.tried for one in seen.trial.processes)
    return next((one for one in tried if one and str(one.told.get("row")).startswith(way)), None)


def _listened(seen: AgentRuntime) -> Record | None:
    return seen.started.listening(seen.port) if seen.started else None
