"""Claims about the rows of sessions."""

from __future__ import annotations

import pytest

from harness.database.cleanup import delete_stale_sessions, fail_sessions
from harness.database.records import Records
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("database-updated"),
    pytest.mark.behind("db.tables_and_columns_are_there", "db.session_age_is_known", "db.sees_every_row"),
    pytest.mark.look("SELECT * FROM {sessions} ORDER BY started_at DESC LIMIT 20;"),
]
mark_failed = pytest.mark.mend(step=2, how="mark as failed the sessions that can no longer end")


@mark_failed
def test_session_statuses_are_known(records: Records) -> None:
    """Every session has a status that the service knows."""
    found = records.breaking("session_statuses_are_known")
    assert not found.count, found.report()


@pytest.mark.smoke
@mark_failed
@pytest.mark.look("SELECT s.*, v.status FROM {sessions} s LEFT JOIN {vms} v ON v.vm_id = s.browser_vm_id;")
def test_live_sessions_have_a_live_vm(records: Records, site: Site) -> None:
    """No unfinished session is on a VM that is gone, dead or missing."""
    found = records.breaking("live_sessions_have_a_live_vm")
    assert not found.count, found.report(fail_sessions(site.database, found.ids))


@pytest.mark.smoke
@mark_failed
def test_unfinished_sessions_are_in_time(records: Records, site: Site) -> None:
    """No unfinished session is past its deadline for longer than the controller takes to end it."""
    found = records.breaking("unfinished_sessions_are_in_time")
    assert not found.count, found.report(fail_sessions(site.database, found.ids))


@mark_failed
@pytest.mark.look(
    "SELECT session_id FROM {sessions}"
    " WHERE status = '{database.failed_session_status}' AND coalesce(error_message, '') = '';"
)
def test_failed_sessions_say_why(records: Records, site: Site) -> None:
    """Every failed session has an error_message."""
    found = records.breaking("failed_sessions_say_why")
    assert not found.count, found.report(fail_sessions(site.database, found.ids))


@pytest.mark.mend(step=7, how="delete old failed and timed-out sessions")
@pytest.mark.look(
    "SELECT session_id, status, started_at FROM {sessions}"
    " WHERE started_at < now() - interval '{database.stale_after_h} hours';"
)
def test_no_old_failed_sessions(records: Records, site: Site) -> None:
    """No failed or timed-out session is older than the clean-up allows (24 h in the runbook)."""
    found = records.breaking("no_old_failed_sessions")
    assert not found.count, found.report(delete_stale_sessions(site.database, records.tables))


@mark_failed
def test_session_times_are_possible(records: Records) -> None:
    """No session has a time missing, in the future, or before what must come first."""
    found = records.breaking("session_times_are_possible")
    assert not found.count, found.report()


@pytest.mark.smoke
@mark_failed
def test_live_sessions_do_not_share_a_vm(records: Records) -> None:
    """No two unfinished sessions have one Browser VM."""
    found = records.breaking("live_sessions_do_not_share_a_vm")
    assert not found.count, found.report()


@pytest.mark.smoke
@mark_failed
@pytest.mark.look("SELECT * FROM {sessions} WHERE session_id = '{database.incident_session}';")
def test_incident_session_is_failed(records: Records, site: Site) -> None:
    """The incident's session is failed, or deleted since."""
    found = records.breaking("incident_session_is_failed")
    assert not found.count, found.report(fail_sessions(site.database, found.ids))
