"""Real programs in many styles, started by a real Node.js under the preload: which claims they break."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.guest.endings import endings
from harness.guest.handler_claims import (
    Finding,
    handler_exits,
    handler_is_first,
    listens_on_every_address,
    server_error_exits,
)
from harness.guest.running import PROCESS_EVENTS
from harness.guest.runtime import AgentRuntime
from harness.guest.trial import ROWS
from tests.unit.peers.agents import ADDRESS, BAD, GOOD, HANDLERS, SERVE, SERVER, Agent, one
from tests.unit.peers.trials import FEW, NODE, tried

AT_ONCE = 6  # most of the time they wait for what never comes
AGENTS = {**GOOD, **BAD}


def run(agent: Agent, folder: Path) -> AgentRuntime:
    """Lay it down, and try it."""
    agent.lay_down(folder)
    words = agent.words if agent.words[0] == "sh" else (NODE, *agent.words)
    return tried(folder, words, supervised=agent.supervised, sticks=agent.sticks)


@pytest.fixture(scope="module")
def seen(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[AgentRuntime]]]:
    """All that is asked for, tried side by side."""
    calls = (getattr(item, "callspec", None) for item in request.session.items)
    wanted = {str(call.params["name"]) for call in calls if call and "name" in call.params}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(run, agent, tmp_path_factory.mktemp("agent"))
            for name, agent in AGENTS.items()
            if name in wanted
        }


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not tried is not asked for."""
    monkeypatch.setattr("harness.guest.endings.ROWS", FEW)


def findings(seen: AgentRuntime) -> dict[str, Finding]:
    """What there is to say of each claim."""
    return {
        **{f"first {event}": handler_is_first(seen, event) for event in PROCESS_EVENTS},
        **{f"exits {event}": handler_exits(seen, event) for event in PROCESS_EVENTS},
        SERVER: server_error_exits(seen),
        ADDRESS: listens_on_every_address(seen),
    }


@pytest.mark.usefixtures("few_rows")
@pytest.mark.parametrize("name", GOOD)
def test_a_good_agent_breaks_nothing(seen: dict[str, Future[AgentRuntime]], name: str) -> None:
    found = findings(seen[name].result())
    assert found == dict.fromkeys(found, Finding())


@pytest.mark.usefixtures("few_rows")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_agent_breaks_its_claims_and_no_others(
    seen: dict[str, Future[AgentRuntime]], name: str
) -> None:
    found = findings(seen[name].result())
    assert {claim for claim, one in found.items() if one.problems} == BAD[name].breaks, found


def test_everything_is_tried(tmp_path: Path) -> None:
    """And known of each row: which exit code, by whose word."""
    one(HANDLERS + SERVE).lay_down(tmp_path)
    seen = tried(tmp_path, (NODE, "server.js"), rows=ROWS)
    ends = endings(seen.trial, {row.way for row in ROWS})
    assert [(end.ok, end.told.partition(",")[0]) for end in ends] == [(True, "exit code 1")] * len(ROWS)
    assert len(seen.trial.processes) == len(ROWS) - 2, "what is known without it was tried, too"


def test_an_end_that_is_not_at_once_is_tried_alone(tmp_path: Path) -> None:
    """What came of three errors says nothing of one."""
    handlers = HANDLERS.replace("process.exit(1)", "setTimeout(() => process.exit(1), 50)")
    one(handlers + SERVE).lay_down(tmp_path)
    seen = tried(tmp_path, (NODE, "server.js"))
    assert len(seen.trial.processes) == len(FEW)


def test_children_that_never_listen_are_let_be(tmp_path: Path) -> None:
    """What they do is on record, and nothing is thrown in them."""
    child = "process.on('uncaughtException', () => {}); process.on('disconnect', () => process.exit());"
    child += " process.send('ready');"
    fork = "require('child_process').fork(__filename, ['child']).once('message', () => {"
    one(f"if (process.argv[2]) {{ {child} }} else {{ {HANDLERS}{fork}{SERVE}}}); }}").lay_down(tmp_path)
    seen = tried(tmp_path, (NODE, "server.js"))
    untried = [process for process in seen.trial.processes if process.tried is None]
    assert untried
    assert all(process.of("registered", "uncaughtException") for process in untried)
