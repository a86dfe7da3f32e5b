"""Room on the host for one more clone."""

from __future__ import annotations

import pytest

from harness.host.facts import HostFacts
from harness.mend import shell_line
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.smoke,
    pytest.mark.item("session-launches", proves=False),
    pytest.mark.mend(step=1, how="remove stale VMs and their files"),
    pytest.mark.look("df -h {state.vms_dir}", "df -h {state.jails_dir}", "free -m"),
]


def test_room_on_disk(host_facts: HostFacts, site: Site) -> None:
    """The disk with the VMs' state has room for one more clone."""
    free, needed = host_facts.room.disk_mib, site.host.free_disk_mib
    assert free >= needed, (
        f"{site.state.home}: {free} MiB free, {needed} MiB needed\n"
        f"look: {shell_line(('sudo', 'du', '-xh', '-d1', '--', site.state.home))}"
    )


def test_room_in_memory(host_facts: HostFacts, site: Site) -> None:
    """The host has memory for one more clone."""
    free, needed = host_facts.room.memory_mib, site.host.free_memory_mib
    assert free >= needed, (
        f"{free} MiB of memory available, {needed} MiB needed\nlook: ps -eo rss,pid,args --sort=-rss | head"
    )
