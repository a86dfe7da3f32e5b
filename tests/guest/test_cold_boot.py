"""The golden disk also boots: what a memory snapshot hides, a reboot would bring out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.verdict.telling import CausedBy
from harness.errors import ConsequenceError
from harness.guest import console
from harness.guest.cold_boot import ColdBoot
from harness.host.golden.files import GoldenSnapshot
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("snapshot-rebuilt"),
    pytest.mark.mend(step=5, how="boot the golden disk by hand, see its console, mend the image, rebuild"),
    pytest.mark.look("systemd-analyze", "systemctl status {agent.unit}", "journalctl -b -p warning"),
]
HEALTHY = "guest.cold_boot_is_healthy_in_time"
CAME_UP = pytest.mark.behind(HEALTHY)


def test_cold_boot_is_healthy_in_time(
    cold_boot: ColdBoot, site: Site, evidence: Any, caused_by: CausedBy
) -> None:
    """A VM booted from the golden disk has a healthy agent in time."""
    caused_by(cold_boot.diagnosis)
    evidence.text("console.log", cold_boot.console)
    limit_s = site.guest.boot_health_s
    last_lines = "the console's last lines:\n" + "\n".join(console.lines(cold_boot.console)[-8:])
    assert cold_boot.healthy_s is not None, (
        f"not healthy within {limit_s:g} s of a cold boot: {cold_boot.error}\n{last_lines}"
    )
    assert cold_boot.healthy_s <= limit_s, (
        f"healthy only {cold_boot.healthy_s:.1f} s after a cold boot; expected within {limit_s:g} s\n"
        f"{last_lines}"
    )


def test_cold_boot_console_is_clean(
    cold_boot: ColdBoot, another_boot: Callable[[], str], advice: Callable[[str], None]
) -> None:
    """A cold boot's console shows a booting kernel and no panic, oops, lockup or disk error."""
    seen = console.trouble(cold_boot.console)
    usual = console.usual_warnings(seen, another_boot)
    for line in usual:
        advice(f"the kernel warns so at every boot on this host, of whatever disk: {line}")
    rest = [line for line in seen if line not in usual]
    assert not rest, "the console of a cold boot tells of trouble:\n  " + "\n  ".join(rest[:10])


@CAME_UP
def test_cold_boot_is_another_boot(cold_boot: ColdBoot, snapshot: GoldenSnapshot) -> None:
    """A cold boot has a boot id of its own."""
    manifest = snapshot.manifest()
    golden = manifest.boot_id if manifest else None
    if not cold_boot.boot_id:
        raise ConsequenceError(f"the VM did not come up: {cold_boot.error}", behind=HEALTHY)
    assert cold_boot.boot_id != golden, f"the boot id after a cold boot is the snapshot's: {golden}"


@CAME_UP
def test_cold_boot_starts_the_agent(cold_boot: ColdBoot) -> None:
    """After a cold boot systemd has the agent's unit active, at the first try."""
    if cold_boot.state is None:
        raise ConsequenceError(f"the VM did not come up: {cold_boot.error}", behind=HEALTHY)
    seen = (cold_boot.state.properties.get("ActiveState"), cold_boot.state.restarts)
    assert seen == ("active", 0), f"expected ActiveState=active, NRestarts=0; systemd says {seen}"
