"""What the agent does when it breaks, tried in clones of their own."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import ConsequenceError
from harness.guest.experiments import EXIT_S, Crash
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.behind(
        "guest.clone_resumes_from_the_snapshot", "guest.health_answers_in_time", explains="trouble"
    ),
    pytest.mark.item("handlers"),
    pytest.mark.mend(
        step=3, how="fix 1: process handlers at the top of server.js: log, then process.exit(1)"
    ),
    pytest.mark.look(
        "grep -n -e uncaughtException -e unhandledRejection {agent.entry}", "journalctl -n 50 -u {agent.unit}"
    ),
]
UNIT = pytest.mark.item("unit-network")
RESTART = pytest.mark.mend(step=4, how="Restart=always, RestartSec=5 and StartLimitIntervalSec=0 in the unit")


def test_uncaught_exception_is_logged(uncaught_exception: Crash, evidence: Any) -> None:
    """An uncaught exception is logged as [FATAL] Uncaught Exception, with its words."""
    evidence.text("journal.txt", uncaught_exception.after.tail(400))
    _is_logged(uncaught_exception, "[FATAL] Uncaught Exception")


def test_uncaught_exception_ends_the_agent(uncaught_exception: Crash) -> None:
    """An uncaught exception ends the agent with exit code 1."""
    _exited(uncaught_exception, "exited", "1")


@pytest.mark.behind("guest.uncaught_exception_ends_the_agent")
def test_uncaught_exception_is_recovered_from(uncaught_exception: Crash, site: Site) -> None:
    """After an uncaught exception systemd restarts the agent once, and it is healthy in time."""
    _ended(uncaught_exception, by="guest.uncaught_exception_ends_the_agent")
    _recovered(uncaught_exception, site)


def test_unhandled_rejection_is_logged(unhandled_rejection: Crash, evidence: Any) -> None:
    """An unhandled rejection is logged as [FATAL] Unhandled Rejection, with its words."""
    evidence.text("journal.txt", unhandled_rejection.after.tail(400))
    _is_logged(unhandled_rejection, "[FATAL] Unhandled Rejection")


def test_unhandled_rejection_ends_the_agent(unhandled_rejection: Crash) -> None:
    """An unhandled rejection ends the agent with exit code 1."""
    _exited(unhandled_rejection, "exited", "1")


@pytest.mark.behind("guest.unhandled_rejection_ends_the_agent")
def test_unhandled_rejection_is_recovered_from(unhandled_rejection: Crash, site: Site) -> None:
    """After an unhandled rejection systemd restarts the agent once, and it is healthy in time."""
    _ended(unhandled_rejection, by="guest.unhandled_rejection_ends_the_agent")
    _recovered(unhandled_rejection, site)


@UNIT
@RESTART
def test_killed_agent_is_recovered_from(killed_agent: Crash, site: Site, evidence: Any) -> None:
    """A killed agent is restarted by systemd once, and is healthy in time."""
    evidence.text("journal.txt", killed_agent.after.tail(400))
    _exited(killed_agent, "killed", "9")
    _recovered(killed_agent, site)


@UNIT
@RESTART
@pytest.mark.behind("guest.killed_agent_is_recovered_from")
def test_killed_agent_is_restarted_after_its_delay(killed_agent: Crash, site: Site) -> None:
    """systemd waits RestartSec before it restarts a killed agent."""
    delay_s = killed_agent.after.restart_delay_s
    if delay_s is None:
        told = f"it was not started again:\n{killed_agent.after.tail()}"
        raise ConsequenceError(told, behind="guest.killed_agent_is_recovered_from")
    assert delay_s >= site.agent.restart_s - 0.1, (
        f"expected RestartSec={site.agent.restart_s:g}; systemd restarted the agent after {delay_s:.1f} s"
    )


def _is_logged(crash: Crash, marker: str) -> None:
    assert any(marker in line for line in crash.after.said), (
        f"expected a line {marker!r} in the agent's journal; it said:\n{crash.after.tail()}"
    )
    assert any(crash.probe in line for line in crash.after.said), (
        f"the log says {marker!r}, and not what happened ({crash.probe!r}):\n{crash.after.tail()}"
    )


def _exited(crash: Crash, code: str, status: str) -> None:
    alive = "" if crash.gone else f"; its port was still open after {EXIT_S:g} s"
    assert crash.after.ending == (code, status), (
        f"expected the main process {code}, status {status}; systemd saw {crash.after.ending_text}{alive}:\n"
        f"{crash.after.tail()}"
    )


def _ended(crash: Crash, *, by: str) -> None:
    """Nobody recovers who never ended."""
    if not crash.after.exits:
        told = f"the agent (pid {crash.before.pid}) never ended:\n{crash.after.tail()}"
        raise ConsequenceError(told, behind=by)


def _recovered(crash: Crash, site: Site) -> None:
    assert crash.after.exits, f"the agent (pid {crash.before.pid}) never ended:\n{crash.after.tail()}"
    assert crash.recovery.seconds is not None, (
        f"the agent (pid {crash.before.pid}, now {crash.after.pid}) was not restarted and healthy again: "
        f"{crash.recovery.told(site.guest.recovery_s)}:\n{crash.after.tail()}"
    )
    restarts = crash.after.restarts - crash.before.restarts
    assert (restarts, crash.after.pid not in {0, crash.before.pid}) == (1, True), (
        f"expected one restart; NRestarts went from {crash.before.restarts} to {crash.after.restarts}, "
        f"the main process from {crash.before.pid} to {crash.after.pid}:\n{crash.after.tail()}"
    )
