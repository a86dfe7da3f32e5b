"""A login that a person completes, while we wait: the address is shown, and the time that is left."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from harness.errors import SessionError, TransportError
from harness.logins import Ended, has_credentials, login_address
from harness.session import Session
from harness.wait import wait_until

_POLL_S = 1.0


def wait_for_person(session: Session, console: Console) -> Ended:
    """Ask a person to log in, and wait for the end of it.

    What is shown holds the address as it is: a person has no use for one without its state.
    """
    settings = session.site.session
    ended = Ended(session.id)
    try:
        ended.vm_id = session.vm_id
        ended.authorization = login_address(session, timeout_s=settings.window_s)
        console.print(
            f"\nLog in within {settings.attended_s:g} s in the VM's browser window:\n"
            f"  {session.answer.get('novncURL')}\n"
            f"It shows, or open there:\n  {ended.authorization.url}\n",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )
        row = _count_down(session, console, settings.attended_s)
        ended.status, ended.reason = str(row.get("status")), str(row.get("error_message") or "")
        ended.authenticated = has_credentials(session)
    except (SessionError, TransportError) as error:
        ended.error = error.message
    return ended


def _count_down(session: Session, console: Console, limit_s: float) -> dict[str, object]:
    over = session.site.database.finished_session_statuses
    began = time.monotonic()
    columns = (TextColumn("waiting for the login"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("login", total=limit_s)

        def look() -> dict[str, object]:
            progress.update(bar, completed=time.monotonic() - began)
            return session.row()

        return wait_until(
            look,
            what="a login",
            timeout_s=limit_s,
            interval_s=_POLL_S,
            until=lambda row: row.get("status") in over or time.monotonic() - began > limit_s - _POLL_S,
        )
