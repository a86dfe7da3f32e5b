"""The unit's network dependency is real, and nothing listens that should not."""

from __future__ import annotations

import pytest

from harness.guest.look import NETWORK_ONLINE
from harness.infra.host import Host
from harness.infra.units import Unit
from harness.mend import shell_line
from harness.site.profile import Site

pytestmark = [pytest.mark.acceptance, pytest.mark.item("unit-network")]
ENABLE = pytest.mark.mend(
    step=4,
    how="enable the wait-online service of what configures the network, e.g. systemd-networkd-wait-online",
)
KEYS = ("UnitFileState", "ActiveState", "Result", "ExecMainStatus")
ENTERED = "ActiveEnterTimestampMonotonic"


@ENABLE
def test_wait_online_is_enabled_and_succeeded(guest: Host, site: Site) -> None:
    """A wait-online service is enabled and has succeeded, so that network-online.target means something."""
    units = {name: guest.unit(name) for name in site.guest.wait_online_units}
    good = [name for name, unit in units.items() if _told(unit) == ("enabled", "active", "success", "0")]
    shown = "\n".join(
        f"  {name}: {dict(zip(KEYS, _told(unit), strict=True))}" for name, unit in units.items()
    )
    first = site.guest.wait_online_units[0]
    assert good, (
        f"expected one of these enabled, active, success, exit status 0; systemd says:\n{shown}\n"
        f"without one, After=network-online.target waits for nothing.\n"
        f"mend: {shell_line(('systemctl', 'enable', first))}"
    )


@ENABLE
def test_network_online_was_reached(guest: Host, site: Site) -> None:
    """network-online.target was reached, and only after a wait-online service had succeeded."""
    target = guest.unit(NETWORK_ONLINE).seconds(ENTERED)
    assert target > 0, "network-online.target was never reached in this guest"
    waited = [guest.unit(name).seconds(ENTERED) for name in site.guest.wait_online_units]
    assert any(0 < moment <= target for moment in waited), (
        f"network-online.target was reached at {target:.3f} s after boot, before any wait-online service had "
        f"succeeded ({', '.join(f'{moment:.3f} s' for moment in waited if moment) or 'none ever did'})"
    )


@ENABLE
def test_agent_started_after_the_network(guest: Host, site: Site) -> None:
    """The agent's process was started after network-online.target was reached."""
    target = guest.unit(NETWORK_ONLINE).seconds(ENTERED)
    started = guest.unit(site.agent.unit).seconds("ExecMainStartTimestampMonotonic")
    assert 0 < target <= started, (
        f"{site.agent.unit} started {started:.3f} s after boot, network-online.target was reached at "
        f"{target:.3f} s (0 means never)\nmend: After=network-online.target and Wants=network-online.target"
    )


@pytest.mark.mend(
    step=5, how="stop and disable what listens in the image, or list its port in the profile; rebuild"
)
def test_no_other_port_listens(guest: Host, site: Site) -> None:
    """Nothing listens beyond loopback but the ports that the profile lists."""
    seen = [one for one in guest.listener.all() if not one.on_loopback]
    extra = [str(one) for one in seen if one.port not in site.guest.listening_ports]
    assert not extra, (
        f"listening beyond loopback, and not in guest.listening_ports {list(site.guest.listening_ports)}: "
        f"{', '.join(sorted(extra))}"
    )


def _told(unit: Unit) -> tuple[str, ...]:
    return tuple(unit.get(key, "(not told)") for key in KEYS)
