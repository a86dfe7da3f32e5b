"""The host can be asked, as root."""

from __future__ import annotations

import pytest

from harness.host.facts import HostFacts
from harness.site.profile import Site


@pytest.mark.acceptance
@pytest.mark.smoke
@pytest.mark.item("host-clean", proves=False)
@pytest.mark.mend(step=1, how="give the login user password-less sudo, as the runbook's commands need it")
@pytest.mark.look("sudo -n id")
def test_root_by_sudo(host_facts: HostFacts, site: Site) -> None:
    """The host is reachable and its login user becomes root by sudo."""
    who = host_facts.identity
    assert who.uid == 0, f"{site.host.user} on {who.hostname} gets uid {who.uid} by sudo, not 0"
