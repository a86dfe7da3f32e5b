"""A clone is the golden snapshot come to life: restored, not booted, and its kernel in good order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from fixtures.guest import Resumed
from fixtures.verdict.telling import CausedBy
from harness.errors import ConsequenceError
from harness.guest import claims, console
from harness.guest.birth import Birth
from harness.guest.look import BOOT_ID, Look
from harness.host.golden.files import GoldenSnapshot
from harness.infra.host import Host
from harness.site.profile import Site
from harness.vm.machine import Vm
from harness.vm.refusal import is_of_snapshot

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("health"),
    pytest.mark.look("uptime", "cat /proc/sys/kernel/random/boot_id", "systemctl --failed"),
]
REBUILD = pytest.mark.mend(step=5, how="rebuild: ./scripts/build-golden-snapshot-complete.sh browser")


@pytest.mark.mend(
    step=5,
    how="as the line `next` says; where there is none, rebuild: "
    "./scripts/build-golden-snapshot-complete.sh browser",
)
@pytest.mark.smoke
def test_clone_resumes_from_the_snapshot(resumed: Resumed, caused_by: CausedBy) -> None:
    """The VMM brings a clone of the golden snapshot to life, with a disk and a network of its own."""
    caused_by(resumed.diagnosis)
    assert resumed.vm is not None, f"the VMM could not bring the snapshot to life: {resumed.error}"


@REBUILD
@pytest.mark.item("snapshot-rebuilt")
@pytest.mark.behind("guest.clone_resumes_from_the_snapshot")
@pytest.mark.look("{vmm.binary} --describe-snapshot {snapshot.vmstate}")
@pytest.mark.smoke
def test_snapshot_is_loaded(resumed: Resumed, caused_by: CausedBy) -> None:
    """The VMM loads the golden snapshot: it refuses neither its files nor what is in them."""
    if resumed.vm is None and not is_of_snapshot(resumed.error):
        raise ConsequenceError(
            f"no clone came to life, and not because of the snapshot: {resumed.error}",
            behind="guest.clone_resumes_from_the_snapshot",
        )
    caused_by(resumed.diagnosis)
    assert resumed.vm is not None, f"the VMM refuses the snapshot: {resumed.error}"


@REBUILD
@pytest.mark.smoke
def test_clone_did_not_boot(birth: Future[Birth], clone: Vm, snapshot: GoldenSnapshot) -> None:
    """A clone continues where the snapshot left off: its kernel is older than the clone."""
    seen, manifest = birth.result(), snapshot.manifest()
    assert not seen.booted, (
        f"the kernel of {clone.name} has run for {seen.uptime_s:.1f} s, and the clone was told to run "
        f"{seen.age_s:.1f} s before: it booted, so this was no restore. A site whose VMs all boot from the "
        'disk says so in its profile: snapshot.vmstate = "none"'
    )
    expected = manifest.boot_id if manifest else None
    assert expected in {None, seen.boot_id}, (
        f"boot id of {clone.name}: expected {expected} (manifest), the guest says {seen.boot_id}"
    )


@REBUILD
@pytest.mark.smoke
def test_console_is_clean(clone: Vm, another_boot: Callable[[], str], advice: Callable[[str], None]) -> None:
    """The console shows no panic, oops, lockup, stalled CPU, or disk error."""
    seen = console.trouble(clone.console())
    usual = console.usual_warnings(seen, another_boot)
    for line in usual:
        advice(f"the kernel warns so at every boot on this host, of whatever disk: {line}")
    rest = [line for line in seen if line not in usual]
    assert not rest, f"the console of {clone.name} tells of trouble:\n  " + "\n  ".join(rest[:10])


@REBUILD
def test_boot_is_the_snapshots(guest: Host, guest_look: Look, snapshot: GoldenSnapshot) -> None:
    """The guest's boot id is the snapshot's, and it has been up for longer than its VM has lived."""
    manifest = snapshot.manifest()
    expected = manifest.boot_id if manifest else None
    seen = guest.file(BOOT_ID).content_string.strip()
    assert expected in {None, seen}, (
        f"boot id of {guest.name}: expected {expected} (manifest), the guest says {seen}: "
        "it booted since, or the manifest belongs to another snapshot"
    )
    assert guest_look.uptime_s > guest_look.age_s, (
        f"{guest.name} has been up for {guest_look.uptime_s:.1f} s, and was started "
        f"{guest_look.age_s:.1f} s ago: it booted since"
    )


@REBUILD
@pytest.mark.behind("guest.unit_is_active")
def test_no_unit_failed(guest: Host, site: Site, evidence: Any) -> None:
    """No systemd unit in the guest has failed, nor waits to be restarted because it did."""
    evidence.json("failed-units.json", guest.unit.failed())
    problem = claims.no_unit_failed(guest, site)
    assert problem is None, problem


@REBUILD
@pytest.mark.look("systemctl show --property=Id,WatchdogUSec,NRestarts '*.service'")
def test_no_watchdog_fired(guest: Host, site: Site) -> None:
    """No watchdog has ended a service of the guest, as where a restored clone's clock goes on meanwhile."""
    problem = claims.no_watchdog_fired(guest, site)
    assert problem is None, problem
