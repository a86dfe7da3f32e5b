"""The agent's unit as systemd in a guest sees it: the runbook's lines, and nothing that changes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.guest import claims
from harness.guest.unit_file import DIRECTIVES, Directive, verify_findings
from harness.infra.host import Host
from harness.mend import shell_line
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("unit-network"),
    pytest.mark.look(
        "systemctl cat {agent.unit}",
        "systemctl status {agent.unit}",
        "systemd-analyze verify {agent.unit_file}",
    ),
]
EDIT = pytest.mark.mend(
    step=4,
    how="edit the unit file in the image, systemctl daemon-reload, systemctl enable, then rebuild (step 5); "
    "where the launch writes it, edit what the launch writes",
)


@EDIT
def test_unit_is_active(guest: Host, site: Site) -> None:
    """The agent's unit is loaded from its file, active and running, and was never restarted by itself."""
    problem = claims.unit_is_active(guest, site)
    assert problem is None, problem


@EDIT
@pytest.mark.behind("guest.unit_is_active")
@pytest.mark.parametrize("directive", DIRECTIVES, ids=str)
def test_directive(guest: Host, site: Site, directive: Directive) -> None:
    """The runbook's directive is in force, as systemd sees it."""
    problem = claims.directive_problem(directive, guest, site)
    assert problem is None, (
        f"{site.agent.unit}: {problem}\nlook, in a VM: {shell_line(('systemctl', 'cat', site.agent.unit))}"
    )


@EDIT
def test_unit_is_enabled(guest: Host, site: Site) -> None:
    """The agent's unit is enabled, so that it starts at boot."""
    problem = claims.unit_is_enabled(guest, site)
    assert problem is None, problem


@EDIT
def test_no_drop_in_changes_the_unit(guest: Host, site: Site) -> None:
    """No drop-in sets what the runbook's unit sets."""
    problem = claims.no_drop_in_changes_the_unit(guest, site)
    assert problem is None, problem


@EDIT
def test_no_reload_is_pending(guest: Host, site: Site) -> None:
    """systemd has read the unit file as it is on the disk."""
    problem = claims.no_reload_is_pending(guest, site)
    assert problem is None, problem


@EDIT
def test_unit_file_is_sound(guest: Host, site: Site, advice: Callable[[str], None]) -> None:
    """systemd-analyze verify finds nothing wrong with the unit; deprecations are advice."""
    _, hints = verify_findings(guest.unit(site.agent.unit).verify().text, site.agent.unit_file)
    for line in hints:
        advice(f"systemd-analyze verify: {line}")
    problem = claims.unit_file_is_sound(guest, site)
    assert problem is None, problem
