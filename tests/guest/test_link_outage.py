"""What the agent does when its network goes away and comes back."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError
from harness.guest.experiments import LinkOutage
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.behind(
        "guest.clone_resumes_from_the_snapshot", "guest.health_answers_in_time", explains="trouble"
    ),
    pytest.mark.item("unit-network"),
    pytest.mark.mend(step=4, how="the unit must outlive the network: Wants=, never Requires= or BindsTo="),
    pytest.mark.look("systemctl show -p Requires,BindsTo,Wants,After,NRestarts {agent.unit}"),
]


def test_link_outage_is_recovered_from(link_outage: LinkOutage, site: Site) -> None:
    """The agent is reachable and healthy again in time after its network went down and came back."""
    if not link_outage.unreachable:
        raise HarnessError("the agent answered though its TAP was down, so nothing was tried")
    recovery = link_outage.recovery
    assert recovery.seconds is not None, (
        f"once the network was back: {recovery.told(site.guest.recovery_s)}:\n{link_outage.after.tail()}"
    )


def test_link_outage_restarts_nothing(link_outage: LinkOutage) -> None:
    """The agent keeps running while its network is away."""
    before, after = link_outage.before, link_outage.after
    assert (after.pid, after.restarts) == (before.pid, before.restarts), (
        f"pid {before.pid}, NRestarts {before.restarts} before; pid {after.pid}, NRestarts {after.restarts} "
        f"after the outage:\n{after.tail()}"
    )
