"""The master-controller: its unit, its errors, its API."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from fixtures.host_facts import Ails
from fixtures.verdict.telling import CausedBy
from harness.clocks import utc_text
from harness.errors import ConsequenceError, TransportError
from harness.host.controller_logs import Sorted, controller_logs, last_words, told_apart
from harness.host.facts import HostFacts
from harness.host.parts import Errors
from harness.infra.host import Host
from harness.mend import shell_line
from harness.site.own import Own
from harness.site.profile import Site
from harness.text import beginning, one_line

_SHOWN = 20  # error lines

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("session-launches", proves=False),
    pytest.mark.look("systemctl status {controller.unit}", "journalctl -n 50 -u {controller.unit}"),
]


@pytest.mark.mend(
    step="troubleshooting", how="install the controller's unit file, then systemctl daemon-reload"
)
@pytest.mark.look("systemctl show -p LoadState,FragmentPath {controller.unit}")
def test_controller_loaded(host: Host, site: Site) -> None:
    """systemd has loaded the controller's unit."""
    seen = host.service(site.controller.unit).systemd_properties["LoadState"]
    assert seen == "loaded", f"{site.controller.unit}: LoadState={seen}, expected loaded"


@pytest.mark.smoke
@pytest.mark.mend(
    step="troubleshooting", how="sudo systemctl restart master-controller, then read its journal"
)
@pytest.mark.look("systemctl status {controller.unit}", "journalctl -n 50 -u {controller.unit}")
def test_controller_active(host: Host, site: Site, controller_ails: Ails, caused_by: CausedBy) -> None:
    """The controller's unit is active and running."""
    systemd = host.service(site.controller.unit).systemd_properties
    seen = (systemd.get("ActiveState"), systemd.get("SubState"))
    journal = shell_line(("journalctl", "-n", "50", "-u", site.controller.unit))
    if seen != ("active", "running"):
        caused_by(controller_ails())
    assert seen == ("active", "running"), (
        f"{site.controller.unit}: {seen[0]} ({seen[1]}), result {systemd.get('Result')}; "
        f"expected active (running)\nlook: {journal}"
    )


@pytest.mark.behind("host.controller_loaded")
@pytest.mark.mend(step="troubleshooting", how="sudo systemctl enable master-controller")
@pytest.mark.look("systemctl is-enabled {controller.unit}")
def test_controller_enabled(host: Host, site: Site) -> None:
    """The controller's unit is enabled, so that it comes back after a reboot."""
    systemd = host.service(site.controller.unit).systemd_properties
    seen = systemd.get("UnitFileState", "none")
    if systemd["LoadState"] != "loaded" and seen in ("none", ""):
        raise ConsequenceError(
            f"{site.controller.unit} has no unit file that could be enabled", behind="host.controller_loaded"
        )
    assert seen == "enabled", f"{site.controller.unit}: UnitFileState={seen}, expected enabled"


@pytest.mark.mend(
    step="troubleshooting", how="read why it died: journalctl -u master-controller | grep ERROR"
)
def test_controller_not_restarting(host_facts: HostFacts, site: Site, advice: Callable[[str], None]) -> None:
    """systemd did not have to restart the controller lately."""
    unit, stable = host_facts.unit, site.controller.stable_s
    running = unit.active_for(host_facts.identity.monotonic)
    told = f"{site.controller.unit} was restarted {unit.NRestarts} times by systemd, last {running:.0f} s ago"
    assert unit.NRestarts == 0 or running >= stable, (
        f"{told}; it counts as stable after {stable:.0f} s{_last_words(host_facts)}"
    )
    if unit.NRestarts:
        advice(told)


@pytest.mark.mend(
    step="troubleshooting", how="journalctl -u master-controller | grep ERROR, and mend what it names"
)
@pytest.mark.look("journalctl -u {controller.unit} | grep ERROR")
def test_controller_logs_no_errors(
    host_facts: HostFacts, site: Site, own_names: Callable[[], Own], advice: Callable[[str], None]
) -> None:
    """The controller has logged no error since it started."""
    logs = controller_logs(host_facts, site)
    found = {where: told_apart(errors, own_names) for where, errors in logs.read.items()}
    for where, errors in logs.read.items():
        for line in (*_about(where, errors), *_ours(where, found[where])):
            advice(line)
    told = [_shown(where, logs.read[where], errors) for where, errors in found.items() if errors.count]
    assert not told, "\n".join(told) + _last_words(host_facts)
    logs.require()
    if untold := [_untold(where, errors) for where, errors in found.items() if errors.untold]:
        pytest.skip("\n".join(untold))
    unit, stable = host_facts.unit, site.controller.stable_s
    if unit.is_looping(host_facts.identity.monotonic, stable_s=stable):
        pytest.skip(
            f"{site.controller.unit} does not stay up: systemd restarted it {unit.NRestarts} times, and what"
            f" it logged since the last start proves nothing{_last_words(host_facts)}"
        )
    if logs.gaps:
        pytest.skip("no error is in the logs, and they are not whole: " + "; ".join(logs.gaps))


@pytest.mark.smoke
@pytest.mark.behind("host.controller_active")
@pytest.mark.mend(
    step="troubleshooting", how="sudo systemctl restart master-controller, then read its journal"
)
@pytest.mark.look("curl -i {controller.url}{controller.health_path}")
def test_controller_api_answers(
    host_facts: HostFacts, site: Site, controller_ails: Ails, caused_by: CausedBy
) -> None:
    """The controller's API answers its health request with 200."""
    caused_by(controller_ails())
    api = host_facts.api
    url = site.controller.url.rstrip("/") + site.controller.health_path
    said = f"answered {api.status}: {json.dumps(beginning(api.body, 200))}" if api.status else api.error
    told = f"GET {url} (from the host): {said} after {api.seconds:.2f} s; expected 200"
    if not api.status and host_facts.unit.ActiveState != "active":
        raise ConsequenceError(told, behind="host.controller_active")
    assert api.status == 200, told


def _about(where: str, errors: Errors) -> list[str]:
    """What to know of a log, whatever is in it."""
    lines = [
        f"{where}: {count} error lines match {pattern!r} and were ignored, as the profile says"
        for pattern, count in errors.ignored.items()
    ]
    if errors.read >= errors.limit:
        lines.append(f"{where}: only the latest {errors.limit} lines since its start were read")
    if errors.zone:
        lines.append(f"{where}: its times name no zone and were taken as the host's own, {errors.zone}")
    return lines


def _ours(where: str, errors: Sorted) -> list[str]:
    if not errors.ours:
        return []
    last = one_line(beginning(errors.ours[-1].text, 200))
    return [
        f"{where}: {len(errors.ours)} error lines name sessions, VMs or requests of the suite's own and"
        f" no others, and were not counted; the last: {last}"
    ]


def _untold(where: str, errors: Sorted) -> str:
    last = one_line(beginning(errors.untold[-1].text, 300))
    return (
        f"{where}: whether {len(errors.untold)} error lines are about what the suite did cannot be told: the "
        "database tells nothing of ids in them, or was not asked; see controller.ignore_errors for what "
        f"means nothing. The last: {last}"
    )


def _last_words(facts: HostFacts) -> str:
    """What the controller said before each of its ends, where the journal tells."""
    try:
        words = last_words(facts.journal.exits)
    except TransportError:
        return ""
    return f"\nits last words before each exit:\n{words}" if words else ""


def _shown(where: str, errors: Errors, found: Sorted) -> str:
    lines = [
        f"  {datetime.fromtimestamp(one.time, UTC):%H:%M:%S} {one_line(beginning(one.text, 300))}"
        for one in found.theirs[-_SHOWN:]
    ]
    zone = f"; its times name no zone and were taken as the host's own, {errors.zone}" if errors.zone else ""
    head = (
        f"{where}: {found.count} error lines since it started {utc_text(errors.since)}"
        f" ({errors.read} lines read{zone}), the last:"
    )
    return "\n".join([head, *lines])
