"""What the API tells of a session, in either spelling: a program's from memory, a table's from its row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.database.whole_rows import NewestRows, Row
from harness.site.profile import Site

_VM = ("browser_vm_id", "vm_id", "browserVMId", "browserVmId", "vmId")
_REASON = ("error_message", "errorMessage")

Told = Mapping[str, Any]


def vm_in(session: Told) -> object:
    """The id of its VM; None where none is told."""
    return _first(session, _VM)


def reason_in(session: Told) -> str:
    """Why it failed; empty where that is not told."""
    return str(_first(session, _REASON) or "")


def how(session: Told) -> str:
    """Its status and its reason, for a message."""
    return f"{session.get('status')!r} ({reason_in(session) or 'no reason'})"


def vm_under_way(rows: NewestRows, site: Site, user: str) -> Row | None:
    """The row of the VM of a user's newest session that is not over; None where there is none yet."""
    finished = site.database.finished_session_statuses
    for row in rows.sessions.values():
        if str(row.get("user_id")).casefold() == user.casefold() and row.get("status") not in finished:
            return rows.vms.get(str(vm_in(row)))
    return None


def _first(session: Told, names: tuple[str, ...]) -> object:
    return next((session[name] for name in names if session.get(name)), None)
