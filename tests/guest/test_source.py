"""server.js, read by a JavaScript parser as it lies in the booted guest (runbook step 3)."""

from __future__ import annotations

import pytest

from harness.javascript.claims import PROCESS_EVENTS, ServerSource
from harness.site.profile import Site

pytestmark = [pytest.mark.acceptance, pytest.mark.item("handlers")]
FIX_1 = pytest.mark.mend(
    step=3, how="fix 1: process handlers at the top of server.js that log and process.exit(1)"
)
FIX_2 = pytest.mark.mend(
    step=3, how="fix 2: listen on 0.0.0.0, and server.on('error', …) that logs and exits"
)


@pytest.mark.mend(step=3, how="mend the syntax of server.js, then rebuild the snapshot (step 5)")
def test_server_source_parses(server_source: ServerSource) -> None:
    """The agent's JavaScript is JavaScript."""
    assert not server_source.program.faults, "\n".join(server_source.program.faults[:5])


@FIX_1
@pytest.mark.parametrize("event", PROCESS_EVENTS)
def test_handler_is_registered_first(server_source: ServerSource, site: Site, event: str) -> None:
    """A handler for the event is registered on every start, before the server listens."""
    problems = server_source.handler_is_first(event)
    assert not problems, _told(site, problems)


@FIX_1
@pytest.mark.parametrize("event", PROCESS_EVENTS)
def test_handler_exits(server_source: ServerSource, site: Site, event: str) -> None:
    """The event's handler ends in process.exit with a code other than 0, whatever happens."""
    problems = server_source.handler_exits(event)
    assert not problems, _told(site, problems)


@FIX_2
def test_server_error_handler_exits(server_source: ServerSource, site: Site) -> None:
    """The HTTP server has an error handler that ends in process.exit with a code other than 0."""
    problems = server_source.server_error_exits()
    assert not problems, _told(site, problems)


@FIX_2
def test_server_listens_on_every_address(server_source: ServerSource, site: Site) -> None:
    """The source tells the server to listen on 0.0.0.0."""
    problems = server_source.listens_on("0.0.0.0")  # noqa: S104 - what the runbook asks for
    assert not problems, _told(site, problems)


def _told(site: Site, problems: list[str]) -> str:
    return f"{site.agent.entry} in the guest: " + "\n  ".join(problems)
