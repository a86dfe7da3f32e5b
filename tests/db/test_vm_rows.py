"""Claims about the rows of VMs, from the rows alone; what the host says of them is in tests/host."""

from __future__ import annotations

import pytest

from harness.database.cleanup import delete_stale_vms, destroy_vms
from harness.database.records import Records
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("database-updated"),
    pytest.mark.behind("db.tables_and_columns_are_there", "db.session_age_is_known", "db.sees_every_row"),
    pytest.mark.look("SELECT * FROM {vms} ORDER BY created_at DESC LIMIT 20;"),
]
mark_destroyed = pytest.mark.mend(step=2, how="mark as destroyed the VM rows whose VM is gone (step 1 first)")


@mark_destroyed
def test_vm_states_are_known(records: Records) -> None:
    """Every VM row has a status and a type that the service knows."""
    found = records.breaking("vm_states_are_known")
    assert not found.count, found.report()


@pytest.mark.smoke
@mark_destroyed
def test_live_vms_are_alive(records: Records, site: Site) -> None:
    """No VM row with a live status was stopped, or silent for longer than the profile allows."""
    found = records.breaking("live_vms_are_alive")
    assert not found.count, found.report(destroy_vms(site.database, found.ids))


@pytest.mark.smoke
@mark_destroyed
@pytest.mark.look(
    "SELECT vm_id, status, destroyed_at FROM {vms}"
    " WHERE (status = '{database.destroyed_vm_status}') <> (destroyed_at IS NOT NULL);"
)
def test_destroyed_vms_say_when(records: Records, site: Site) -> None:
    """Every destroyed VM row has destroyed_at, and no other one has."""
    found = records.breaking("destroyed_vms_say_when")
    assert not found.count, found.report(destroy_vms(site.database, found.ids))


@pytest.mark.mend(step=7, how="delete old destroyed Browser VMs")
@pytest.mark.look(
    "SELECT vm_id, destroyed_at FROM {vms} WHERE vm_type = '{database.browser_vm_type}'"
    " AND destroyed_at < now() - interval '{database.stale_after_h} hours';"
)
def test_no_old_destroyed_vms(records: Records, site: Site) -> None:
    """No destroyed Browser VM is older than the clean-up allows (24 h in the runbook)."""
    found = records.breaking("no_old_destroyed_vms")
    assert not found.count, found.report(delete_stale_vms(site.database))


@mark_destroyed
def test_vm_times_are_possible(records: Records) -> None:
    """No VM row has a time missing, in the future, or before what must come first."""
    found = records.breaking("vm_times_are_possible")
    assert not found.count, found.report()


_ELSEWHERE = {
    "tap": 'where each VM\'s is in a network namespace of its own, set state.tap_id_characters to "none"',
    "socket": "where each VM's is in a jail of its own, set state.jails_dir",
}
"""What two rows may name, and be right, where the profile does not say so yet."""


@pytest.mark.smoke
@pytest.mark.parametrize("what", ["address", "tap", "pid", "socket"])
@mark_destroyed
def test_live_vms_do_not_share(records: Records, site: Site, what: str) -> None:
    """No two VM rows with a live status have one address, TAP device, process or API socket."""
    found = records.breaking(f"live_vms_do_not_share_{what}")
    said = what == "socket" and site.state.jails_dir is not None
    or_else = f"\n{_ELSEWHERE[what]}" if what in _ELSEWHERE and not said else ""
    assert not found.count, found.report() + or_else


@pytest.mark.smoke
@mark_destroyed
@pytest.mark.look("SELECT * FROM {vms} WHERE vm_id = '{database.incident_vm}';")
def test_incident_vm_is_destroyed(records: Records, site: Site) -> None:
    """The incident's VM is destroyed, or deleted since."""
    found = records.breaking("incident_vm_is_destroyed")
    assert not found.count, found.report(destroy_vms(site.database, found.ids))
