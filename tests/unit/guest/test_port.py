"""Whose the agent's port is: its main process's, or that of one which it started."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.guest.claims import port_is_the_agents
from harness.site.profile import Site
from tests.unit.peers.small_guest import SmallGuest, lay_down, site_of, write

LINE = 'LISTEN 0 511 {address}:8080 0.0.0.0:* users:(("node",pid={pid},fd=18))\n'
CGROUPS = """
case $2 in
/proc/412/cgroup | /proc/430/cgroup) echo '0::/system.slice/browser-vm-auth.service' ;;
/proc/431/cgroup) echo '0::/system.slice/browser-vm-auth.service/worker' ;;
/proc/500/cgroup) echo '0::/system.slice/browser-vm-auth.service.d' ;;
/proc/*/cgroup) exit 1 ;;
*) exec cat "$@" ;;
esac
"""
"""412 is the main process."""


@pytest.mark.parametrize(
    ("pid", "address", "is_so"),
    [
        (412, "0.0.0.0", True),  # noqa: S104 - as the runbook has it
        (430, "0.0.0.0", True),  # noqa: S104
        (431, "0.0.0.0", True),  # noqa: S104
        (500, "0.0.0.0", False),  # noqa: S104
        (600, "0.0.0.0", False),  # noqa: S104
        (430, "127.0.0.1", False),
    ],
    ids=["its own", "started by npm", "in a group below", "another unit's", "gone", "on loopback"],
)
def test_the_port_is_the_units(tmp_path: Path, pid: int, address: str, is_so: bool) -> None:
    folder = tmp_path / "guest"
    site = Site.model_validate(site_of(folder))
    lay_down(folder, listening=LINE.format(pid=pid, address=address))
    write(folder, "cat", CGROUPS)
    vm = SmallGuest(folder, site)
    problem = port_is_the_agents(vm.guest(), site)
    assert (problem is None) is is_so, problem
    vm.hang_up()
