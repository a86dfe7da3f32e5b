"""The unit's network dependency is real, and nothing listens that should not."""

from __future__ import annotations

import pytest

from harness.errors import UntoldError
from harness.guest import claims
from harness.infra.host import Host
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("unit-network"),
    pytest.mark.look("systemctl list-units --all '*wait-online*' network-online.target", "ss -ltnp"),
]
ENABLE = pytest.mark.mend(
    step=4,
    how="enable the wait-online service of what configures the network, e.g. systemd-networkd-wait-online",
)


@ENABLE
@pytest.mark.behind("guest.no_watchdog_fired")
def test_wait_online_is_enabled_and_succeeded(guest: Host, site: Site) -> None:
    """A wait-online service is enabled and has succeeded, so that network-online.target means something."""
    problem = claims.wait_online_is_enabled_and_succeeded(guest, site)
    assert problem is None, problem


@ENABLE
def test_network_online_was_reached(guest: Host, site: Site) -> None:
    """network-online.target was reached, and only after a wait-online service had succeeded."""
    try:
        problem = claims.network_online_was_reached(guest, site)
    except UntoldError as error:
        pytest.skip(error.message)
    assert problem is None, problem


@ENABLE
@pytest.mark.behind("guest.unit_is_active")
def test_agent_started_after_the_network(guest: Host, site: Site) -> None:
    """The agent's process was started after network-online.target was reached."""
    problem = claims.agent_started_after_the_network(guest, site)
    assert problem is None, problem


@pytest.mark.mend(
    step=5, how="stop and disable what listens in the image, or list its port in the profile; rebuild"
)
def test_no_other_port_listens(guest: Host, site: Site) -> None:
    """Nothing listens beyond loopback but the ports that the profile lists."""
    problem = claims.no_other_port_listens(guest, site)
    assert problem is None, problem
