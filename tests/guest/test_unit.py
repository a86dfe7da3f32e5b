"""The agent's unit as systemd in the guest sees it: the runbook's lines, and nothing that changes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.errors import TransportError
from harness.guest.look import entry_fault
from harness.guest.unit_file import DIRECTIVES, Directive, changed_by_drop_ins, verify_findings
from harness.infra.host import Host
from harness.infra.start_failure import first_error, first_error_in, said_in
from harness.mend import shell_line
from harness.site.profile import Site

pytestmark = [pytest.mark.acceptance, pytest.mark.item("unit-network")]
EDIT = pytest.mark.mend(
    step=4,
    how="edit the unit file in the image, systemctl daemon-reload, systemctl enable, then rebuild (step 5)",
)


@EDIT
def test_unit_is_active(guest: Host, site: Site) -> None:
    """The agent's unit is loaded from its file, active and running, and was never restarted by itself."""
    systemd = guest.service(site.agent.unit).systemd_properties
    keys = ("LoadState", "ActiveState", "SubState", "NRestarts", "FragmentPath")
    seen = {key: systemd.get(key, "(not told)") for key in keys}
    expected = dict(zip(keys, ("loaded", "active", "running", "0", site.agent.unit_file), strict=True))
    assert seen == expected, (
        f"{site.agent.unit}: expected {expected}; systemd says {seen}\n"
        f"{_why(guest, site)}{guest.unit(site.agent.unit).last_words(40)[-1500:]}"
    )


@EDIT
@pytest.mark.parametrize("directive", DIRECTIVES, ids=str)
def test_directive(guest: Host, site: Site, directive: Directive) -> None:
    """The runbook's directive is in force, as systemd sees it."""
    problem = directive.problem(guest.unit(site.agent.unit), site)
    assert problem is None, (
        f"{site.agent.unit}: {problem}\nlook, in a VM: {shell_line(('systemctl', 'cat', site.agent.unit))}"
    )


@EDIT
def test_unit_is_enabled(guest: Host, site: Site) -> None:
    """The agent's unit is enabled, so that it starts at boot."""
    seen = guest.service(site.agent.unit).systemd_properties.get("UnitFileState", "(not told)")
    assert seen == "enabled", (
        f"{site.agent.unit}: expected enabled; systemd says {seen}\n"
        f"mend: {shell_line(('systemctl', 'enable', site.agent.unit))}"
    )


@EDIT
def test_no_drop_in_changes_the_unit(guest: Host, site: Site) -> None:
    """No drop-in sets what the runbook's unit sets."""
    seen = changed_by_drop_ins(guest, site.agent.unit)
    shown = "\n".join(f"  {path} sets {', '.join(keys)}" for path, keys in seen.items())
    assert not seen, (
        f"drop-ins change the unit:\n{shown}\nmend: move what is wanted into the unit, and remove them"
    )


@EDIT
def test_no_reload_is_pending(guest: Host, site: Site) -> None:
    """systemd has read the unit file as it is on the disk."""
    seen = guest.service(site.agent.unit).systemd_properties.get("NeedDaemonReload", "(not told)")
    assert seen == "no", (
        f"{site.agent.unit}: NeedDaemonReload={seen}\nmend: systemctl daemon-reload, then rebuild"
    )


@EDIT
def test_unit_file_is_sound(guest: Host, site: Site, advice: Callable[[str], None]) -> None:
    """systemd-analyze verify finds nothing wrong with the unit; deprecations are advice."""
    verified = guest.unit(site.agent.unit).verify()
    errors, hints = verify_findings(verified.text, site.agent.unit_file)
    for line in hints:
        advice(f"systemd-analyze verify: {line}")
    assert not errors, "systemd-analyze verify says:\n  " + "\n  ".join(errors)
    assert verified.status == 0, (
        f"systemd-analyze verify ended with status {verified.status}: {verified.text[-500:]}"
    )


def _why(guest: Host, site: Site) -> str:
    """The first error of the agent's latest start, or the fault of its entry's syntax, if there is any."""
    error = first_error(said_in(guest.unit(site.agent.unit).last_words(400)))
    return f"the first error of its latest start: {error}\n" if error else _fault(guest, site)


def _fault(guest: Host, site: Site) -> str:
    try:
        fault = first_error_in(entry_fault(guest, site).split("\n"))
    except TransportError:
        return ""  # another check says so
    return f"{site.agent.node} --check: {fault}\n" if fault else ""
