"""The claims about handlers, where the running agent and one started anew differ, or one tells nothing."""

from __future__ import annotations

import dataclasses
import json
from typing import cast

import pytest

from harness.guest.handler_claims import (
    handler_exits,
    handler_is_first,
    listens_on_every_address,
    server_error_exits,
)
from harness.guest.places import Place
from harness.guest.running import Running, Server
from harness.guest.runtime import AgentRuntime
from harness.guest.trial import ROWS, Trial, read_trial

EVENT = "uncaughtException"
HERE = Place("/a/server.js", 3)
AT = {"file": "/a/server.js", "line": 3, "column": 1}


def running(handlers: int, *, errors: int = 1, address: str = "0.0.0.0") -> Running:  # noqa: S104 - as it should be
    """A running agent with so many handlers of each kind."""
    found = (HERE,) * handlers
    server = Server(address, 8080, (HERE,) * errors)
    other = Server("127.0.0.1", 1455, ())
    return Running(7, {EVENT: found, "unhandledRejection": found}, (other, server))


def anew(handlers: int, *, errors: int = 1, address: str = "0.0.0.0", code: int = 1) -> Trial:  # noqa: S104 - as above
    """A trial in which every row came to this code, of an agent with so many handlers."""
    counts = {EVENT: handlers, "unhandledRejection": handlers}
    lines = []
    for number, row in enumerate(ROWS):
        registered = [{"kind": "registered", "event": event, "place": AT} for event in counts] * handlers
        server = {"port": 8080, "address": address, "place": AT, "before": counts, "errors": [AT] * errors}
        tried = {"kind": "tried", "row": str(row), "handlers": counts, "errors": errors}
        steps = [{"kind": "start", "ppid": 6}, *registered, {"kind": "listening", **server}, tried]
        steps.append({"kind": "ends", "code": str(code)})
        for step, told in enumerate(steps):
            line = {"pid": 100 + number, "at": 10 * number + step / 10, **cast(dict[str, object], told)}
            lines.append(f"R {json.dumps(line)}")
    return read_trial("\n".join(lines))


NOTHING = read_trial("")


def seen(now: Running | None, then: Trial, *, no_start: str = "") -> AgentRuntime:
    """What a runtime told."""
    return AgentRuntime(8080, now, "" if now else "process 7 does not catch SIGUSR1", then, no_start)


CLAIMS = {
    "first": lambda told: handler_is_first(told, EVENT),
    "exits": lambda told: handler_exits(told, EVENT),
    "server": server_error_exits,
    "address": listens_on_every_address,
}


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("now", [running(1), None])
def test_a_good_agent_is_good_with_an_inspector_or_without(claim: str, now: Running | None) -> None:
    found = CLAIMS[claim](seen(now, anew(1)))
    assert (found.problems, found.unproven) == ((), "")


@pytest.mark.parametrize("claim", ["first", "exits", "server"])
def test_where_only_the_preload_could_tell_nothing_is_proven(claim: str) -> None:
    """And it says why, and what to look at."""
    found = CLAIMS[claim](seen(None, NOTHING, no_start="its first error: bad option"))
    assert found.problems == ()
    for told in ("no server of the agent listened on port 8080", "its first error: bad option", "SIGUSR1"):
        assert told in found.unproven


def test_the_inspector_alone_tells_where_it_listens() -> None:
    assert listens_on_every_address(seen(running(1), NOTHING)).unproven == ""
    assert listens_on_every_address(seen(None, NOTHING)).unproven
    assert (
        "listens on :::8080" in listens_on_every_address(seen(running(1, address="::"), NOTHING)).problems[0]
    )


def test_the_inspector_alone_tells_what_is_missing() -> None:
    """What it does not tell is not proven by it."""
    assert "has no handler" in handler_is_first(seen(running(0), NOTHING), EVENT).problems[0]
    assert "no listener of 'error'" in server_error_exits(seen(running(1, errors=0), NOTHING)).problems[0]


def test_a_running_agent_that_is_unlike_its_files_is_told() -> None:
    """Users get the one that runs; the next start gets the other."""
    (problem,) = handler_is_first(seen(running(0), anew(1)), EVENT).problems
    assert "registers one when it is started anew" in problem
    (problem,) = handler_is_first(seen(running(1), anew(0)), EVENT).problems
    assert "unlike in the running agent, neither before nor after the server listens" in problem
    problems = listens_on_every_address(seen(running(1), anew(1, address="127.0.0.1"))).problems
    assert "started anew it listens on 127.0.0.1:8080" in problems[0]


def test_an_end_that_no_handler_made_is_no_proof() -> None:
    """Node.js ends by itself where nobody handles anything."""
    problems = handler_exits(seen(running(0), anew(0)), EVENT).problems
    assert "no handler of 'uncaughtException'" in problems[0]
    assert "exit code 1" in problems[1]


def test_a_table_says_what_was_thrown_and_how_it_ended() -> None:
    """What failed first, then where the handler is."""
    problems = handler_exits(seen(running(1), anew(1, code=0)), EVENT).problems
    count = sum(row.way == "thrown" for row in ROWS)
    assert problems[0].startswith(f"{count} of {count} did not end the agent within 5 s")
    assert problems[1].splitlines()[0].split(maxsplit=1) == ["FAIL", f"{ROWS[1]}  exit code 0"]
    assert problems[2] == "  registered at /a/server.js:3"


def test_rows_that_were_not_tried_are_not_proven() -> None:
    """Unless others failed."""
    whole = anew(1)
    some = Trial([one for one in whole.processes if "null" not in str(one.tried)], [])
    found = handler_exits(seen(running(1), some), EVENT)
    assert found.problems == ()
    assert "thrown null" in found.unproven
    bad = anew(1, code=0)
    assert handler_exits(seen(running(1), Trial(bad.processes[:6], [])), EVENT).problems


def test_each_of_two_servers_at_the_port_has_its_listener() -> None:
    """One for itself, as loopback's, and one for everybody: whichever comes first."""
    whole = running(1)
    lax = Server("127.0.0.1", 8080, ())
    two = dataclasses.replace(whole, servers=(*whole.servers, lax))
    assert listens_on_every_address(seen(two, anew(1))).problems == ()
    (problem, *_) = server_error_exits(seen(two, anew(1))).problems
    assert problem == "the running agent's server on 127.0.0.1:8080 has no listener of 'error'"
    other = dataclasses.replace(whole, servers=(lax,))
    assert listens_on_every_address(seen(other, anew(1))).problems
