"""What the agent does when its port belongs to somebody else, tried in a clone of its own."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import ConsequenceError
from harness.guest.agent_state import ending_text
from harness.guest.experiments import TakenPort
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.behind(
        "guest.clone_resumes_from_the_snapshot", "guest.health_answers_in_time", explains="trouble"
    ),
    pytest.mark.item("handlers"),
    pytest.mark.mend(step=3, how="fix 2: server.on('error', …) that logs [SERVER-ERROR] and exits with 1"),
    pytest.mark.look(
        "grep -n \"server.on('error'\" {agent.entry}",
        "systemctl show -p Restart,RestartUSec,StartLimitIntervalUSec {agent.unit}",
    ),
]
RESTART = pytest.mark.mend(step=4, how="Restart=always, RestartSec=5 and StartLimitIntervalSec=0 in the unit")


def test_taken_port_is_logged(taken_port: TakenPort, evidence: Any) -> None:
    """A taken port is logged as [SERVER-ERROR], with its reason."""
    evidence.text("journal.txt", taken_port.after.tail(400))
    said = [line for line in taken_port.after.said if "[SERVER-ERROR]" in line]
    assert said, (
        f"no line '[SERVER-ERROR] …' when the port was taken; the journal:\n{taken_port.after.tail()}"
    )
    assert any("EADDRINUSE" in line for line in taken_port.after.said), f"the reason is missing: {said[0]}"


def test_taken_port_ends_the_agent(taken_port: TakenPort) -> None:
    """A taken port ends the agent with exit code 1."""
    assert taken_port.ending == ("exited", "1"), (
        f"expected exit code 1; systemd saw {ending_text(taken_port.ending)}:\n{taken_port.after.tail()}"
    )


@RESTART
def test_taken_port_is_never_given_up(taken_port: TakenPort) -> None:
    """systemd starts the agent again, however often it was started in a short time."""
    given_up = _given_up(taken_port)
    assert not given_up, (
        f"after {taken_port.starts} starts in a few seconds systemd gave up: {given_up[0]}\n"
        "expected StartLimitIntervalSec=0 under [Unit]"
    )
    assert taken_port.after.restarts >= 1, f"systemd never restarted it:\n{taken_port.after.tail()}"
    if not taken_port.meets_any_limit:
        pytest.skip(
            f"it was started too slowly to meet a limit: {len(taken_port.after.starts_s)} times in "
            f"{taken_port.after.span_s:.0f} s, by a guest that is as slow as that\n"
            "only StartLimitIntervalSec=0 under [Unit] says that there is none"
        )


@RESTART
@pytest.mark.behind("guest.taken_port_is_never_given_up")
def test_taken_port_is_recovered_from(taken_port: TakenPort, site: Site) -> None:
    """The agent is healthy again in time once the port is free."""
    recovery = taken_port.recovery
    told = f"once the port was free: {recovery.told(site.guest.recovery_s)}:\n{taken_port.after.tail()}"
    if recovery.seconds is None and (_given_up(taken_port) or not taken_port.after.restarts):
        raise ConsequenceError(told, behind="guest.taken_port_is_never_given_up")
    assert recovery.seconds is not None, told


def _given_up(taken_port: TakenPort) -> list[str]:
    return [entry.message for entry in taken_port.after.journal if "repeated too quickly" in entry.message]
