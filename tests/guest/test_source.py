"""server.js (runbook step 3) as its runtime tells it, of the running agent and of one started anew."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from harness.guest import handler_claims
from harness.guest.handler_claims import Finding
from harness.guest.look import entry_fault
from harness.guest.running import PROCESS_EVENTS
from harness.guest.runtime import AgentRuntime
from harness.infra.host import Host
from harness.infra.secret_values import without_secrets
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("handlers"),
    pytest.mark.look(
        "{agent.node} --check {agent.entry}", 'grep -n "process.on\\|server.on\\|listen(" {agent.entry}'
    ),
]
FIX_1 = pytest.mark.mend(
    step=3, how="fix 1: process handlers at the top of server.js that log and process.exit(1)"
)
FIX_2 = pytest.mark.mend(
    step=3, how="fix 2: listen on 0.0.0.0, and server.on('error', …) that logs and exits"
)
RUNS = pytest.mark.behind(
    "guest.clone_resumes_from_the_snapshot", "guest.health_answers_in_time", explains="trouble"
)
TYPESCRIPT = {".ts", ".mts", ".cts", ".tsx"}


@pytest.mark.mend(step=3, how="mend the syntax of server.js, then rebuild the snapshot (step 5)")
def test_server_source_parses(guest: Host, site: Site) -> None:
    """The guest's own node can parse the agent's entry file."""
    fault = without_secrets(entry_fault(guest, site))
    if fault and PurePosixPath(site.agent.entry).suffix in TYPESCRIPT:
        # Its loader parses it, and node cannot: where it runs, it was parsed.
        if not guest.listener(site.agent.port).pids:
            pytest.skip(
                f"{site.agent.entry} is TypeScript, which node --check cannot read, and it does not run"
            )
        return
    assert not fault, f"{site.agent.node} --check says:\n{fault}"


@FIX_1
@RUNS
@pytest.mark.parametrize("event", PROCESS_EVENTS)
def test_handler_is_registered_first(agent_runtime: AgentRuntime, event: str, evidence: Any) -> None:
    """A handler for the event is registered on every start, before the server listens, and stays."""
    _judge(handler_claims.handler_is_first(agent_runtime, event), agent_runtime, evidence)


@FIX_1
@RUNS
@pytest.mark.parametrize("event", PROCESS_EVENTS)
def test_handler_exits(agent_runtime: AgentRuntime, event: str, evidence: Any) -> None:
    """Whatever is thrown or rejected ends the agent within 5 s, with an exit code other than 0."""
    _judge(handler_claims.handler_exits(agent_runtime, event), agent_runtime, evidence)


@FIX_2
@RUNS
def test_server_error_handler_exits(agent_runtime: AgentRuntime, evidence: Any) -> None:
    """The HTTP server has an error handler, and its error ends the agent with an exit code other than 0."""
    _judge(handler_claims.server_error_exits(agent_runtime), agent_runtime, evidence)


@FIX_2
@RUNS
def test_server_listens_on_every_address(agent_runtime: AgentRuntime, evidence: Any) -> None:
    """The server was told to listen on 0.0.0.0."""
    _judge(handler_claims.listens_on_every_address(agent_runtime), agent_runtime, evidence)


def _judge(finding: Finding, seen: AgentRuntime, evidence: Any) -> None:
    evidence.json("runtime.json", seen.told)
    if finding.unproven:
        pytest.skip(finding.unproven)
    assert not finding.problems, "\n".join(finding.problems)
