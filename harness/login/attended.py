"""A login that a person completes, while we wait: the address is shown, and the time that is left."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from harness.errors import SessionError, TransportError
from harness.login.course import LoginEnd, follow, with_its_end
from harness.session.authorization import login_address
from harness.session.launch import Session
from harness.text import one_line


def wait_for_person(session: Session, console: Console) -> LoginEnd:
    """Ask a person to log in, and wait for the end of it.

    What is shown holds the address as it is: a person has no use for one without its state.
    """
    settings = session.site.session
    ended = LoginEnd(session.id)
    try:
        ended.vm_id = session.vm_id
        ended.authorization = login_address(session, timeout_s=settings.window_s)
        console.print(
            f"\nLog in within {settings.attended_s:g} s in the VM's browser window:\n"
            f"  {one_line(str(session.answer.get('novncURL')))}\n"
            f"It shows, or open there:\n  {one_line(ended.authorization.url)}\n",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )
        _count_down(session, ended, console, settings.attended_s)
    except (SessionError, TransportError) as error:
        ended.error = with_its_end(session, error)
    return ended


def _count_down(session: Session, ended: LoginEnd, console: Console, limit_s: float) -> None:
    began = time.monotonic()
    columns = (TextColumn("waiting for the login"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("login", total=limit_s)

        def show() -> None:
            progress.update(bar, completed=time.monotonic() - began)

        follow(session, ended, timeout_s=limit_s, each=show)
