"""What requests for sessions that came to nothing have left behind: sessions that go on, and VMs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from harness.database.whole_rows import NewestRows, Rows
from harness.site.profile import Site


def users_of(site: Site) -> set[str]:
    """Those for whom the suite asks for sessions."""
    asked_for = (site.session.user_id, site.session.second_user_id)
    return {user.casefold() for user in asked_for if user}


def left_by_failures(
    before: NewestRows,
    now: NewestRows,
    site: Site,
    *,
    ours: Collection[str],
    others: Collection[str] = (),
    launch_failed: bool,
) -> list[str]:
    """A line for each session of the suite's users that goes on, and each VM of theirs, that have come since
    and are none of what did start.

    :param ours: the sessions that started.
    :param others: sessions that other runs have on record, of the same users perhaps.
    :param launch_failed: whether any did not that should have: then a VM of another type is left, too. Else
        it has come with a session, and is looked at when that is over.
    """
    settings = site.database
    users = users_of(site)
    known = {*ours, *others}
    started = [now.sessions.get(session, {}) for session in known]
    theirs = {row.get(name) for row in started for name in ("browser_vm_id", "vm_id")}
    sessions = [
        f"session {key}: {row.get('status')!r} (provider {row.get('provider')!r})"
        for key, row in _come(before.sessions, now.sessions, users).items()
        if key not in known and row.get("status") not in settings.finished_session_statuses
    ]
    vms = [
        f"VM {key}: {row.get('status')!r} (vm_type {row.get('vm_type')!r})"
        for key, row in _come(before.vms, now.vms, users).items()
        if key not in theirs
        and row.get("status") in settings.live_vm_statuses
        and row.get("vm_type") not in site.session.stays
        and (launch_failed or row.get("vm_type") in (None, settings.browser_vm_type))
    ]
    return sessions + vms


def _come(before: Rows, now: Rows, users: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
    """The rows of these users that were not there before."""
    return {
        key: row
        for key, row in now.items()
        if key not in before and str(row.get("user_id")).casefold() in users
    }
