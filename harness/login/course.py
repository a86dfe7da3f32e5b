"""The course of a login: a callback that is handed on to the agent, the session's end, and its VM's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import httpx

from harness.database.connection import Database
from harness.database.vm_rows import LiveRow
from harness.database.whole_rows import rows_of
from harness.errors import (
    BrowserError,
    HarnessError,
    NoAnswerError,
    SessionError,
    TransportError,
    WaitTimeoutError,
)
from harness.host.hypervisor import Hypervisor
from harness.login.pulse import Pulse
from harness.session.authorization import Authorization, Callback
from harness.session.control_api import table_of
from harness.session.launch import Session, answer_text
from harness.session.told import reason_in
from harness.transport.http import client_over
from harness.wait import wait_until
from harness.window.sight import Sight
from harness.world.vm_end import VmEnd, watch_end

_LOGIN_POLL_S = 0.25

THE_SITES = (SessionError, BrowserError, NoAnswerError)
"""Trouble with a login that is a finding; any other is our own."""


@dataclass
class LoginEnd:
    """How a session's login ended."""

    session: str
    status: str = ""
    reason: str = ""
    authenticated: bool = False
    """Whether credentials were ever seen."""
    no_word: str = ""
    """What came instead of an answer, when credentials were last asked for."""
    callback_status: int = 0
    """What the agent answered to the callback, where one was handed on."""
    vm_id: str = ""
    """The session's VM."""
    vm_end: VmEnd | HarnessError | None = None
    """The end of the VM, where the session's end was seen; or why it could not be watched."""
    afterwards: str | None = None
    """What was wrong with what the API said of the credentials once the VM was gone; None where it was not
    asked."""
    pulse: Pulse | None = None
    """How the agent's health was meanwhile, where it was asked."""
    error: str = ""
    """What kept the login from its end."""
    screens: dict[str, Sight] = field(default_factory=dict)
    screenshots: dict[str, bytes] = field(default_factory=dict)
    authorization: Authorization | None = None
    callback: Callback | None = None
    """What the provider had answered, where we were the ones it answered."""
    before: bool = False
    """Whether the session had credentials before anybody had logged in for it."""


def follow(
    session: Session, ended: LoginEnd, *, timeout_s: float, each: Callable[[], None] = lambda: None
) -> None:
    """Watch a session until it is over, and what it says of credentials meanwhile.

    :param each: done before each look.
    """
    over = session.site.database.finished_session_statuses

    def look() -> dict[str, Any]:
        each()
        _ask_for_credentials(session, ended)
        return session.row()

    try:
        row = wait_until(
            look,
            what=f"the end of session {session.id}",
            timeout_s=timeout_s,
            interval_s=_LOGIN_POLL_S,
            until=lambda row: row.get("status") in over,
        )
    except WaitTimeoutError as error:
        row = error.last if isinstance(error.last, dict) else {}
        ended.error = f"{timeout_s:g} s later the session was not over"
    ended.status, ended.reason = str(row.get("status")), reason_in(row)
    _ask_for_credentials(session, ended)


def watch_vm(
    ended: LoginEnd, hypervisor: Hypervisor, connect: Callable[[], AbstractContextManager[Database]]
) -> LoginEnd:
    """Watch what becomes of a session's VM, where the session is over.

    :param connect: the database; logins are followed side by side, and no two threads may share a session.
    """
    site = hypervisor.site
    if ended.status in site.database.finished_session_statuses:
        try:
            with connect() as database:
                row = rows_of(database, site.database, session=ended.session, vm_id=ended.vm_id).vm
                vm = LiveRow.of(row) if row else LiveRow(ended.vm_id, "")
                ended.vm_end = watch_end(
                    hypervisor, database, session=ended.session, vm=vm, timeout_s=site.session.end_s
                )
        except HarnessError as error:  # told to those who asked for it: the login is none the worse
            ended.vm_end = error
    return ended


def ask_afterwards(session: Session, ended: LoginEnd) -> LoginEnd:
    """Ask for a session's credentials where its VM was seen to be gone, and the API promises them then."""
    path, end = session.site.session.lasting_credentials_path, ended.vm_end
    if path and isinstance(end, VmEnd) and not end.left(session.site.database):
        try:
            ended.afterwards = _denied(session.api.lasting_credentials(path, session.id))
        except NoAnswerError as error:
            ended.afterwards = error.message
    return ended


def _denied(answer: httpx.Response) -> str:
    """How an answer has no credentials; empty where it has, and they are never shown."""
    told = table_of(answer)
    if answer.status_code != httpx.codes.OK:
        return answer_text(answer)
    if not told:
        return "answered 200 without a JSON object that holds anything"
    denied = [name for name in ("success", "authenticated", "credentials") if not told.get(name, True)]
    denied += ["error"] if told.get("error") else []
    return f"answered 200, and denies them: {', '.join(denied)}" if denied else ""


def with_its_end(session: Session, error: HarnessError) -> str:
    """What went wrong with a session's VM, and how the session ended, where it has: then that comes first.

    :raises HarnessError: ``error`` itself, where it is our own trouble, and the session goes on.
    """
    try:
        row = session.row()
    except (SessionError, TransportError):
        row = {}
    if row.get("status") in session.site.database.finished_session_statuses:
        return f"it is {row['status']} already ({reason_in(row) or 'no reason'}): {error.message}"
    if isinstance(error, THE_SITES):
        return error.message
    raise error


def has_credentials(session: Session) -> bool:
    """Whether the API says that a session's login has left credentials."""
    return _authenticated(session.api.credentials_status(session.id)) is True


def _ask_for_credentials(session: Session, ended: LoginEnd) -> None:
    answer = session.api.credentials_status(session.id)
    found = _authenticated(answer)
    ended.authenticated = ended.authenticated or found is True
    ended.no_word = answer_text(answer) if found is None else ""


def _authenticated(answer: httpx.Response) -> bool | None:
    """None where it does not say."""
    found = table_of(answer).get("authenticated")
    return found if isinstance(found, bool) else None


def hand_on(hypervisor: Hypervisor, session: Session, query: str) -> int:
    """Give a callback to the agent in a session's VM, as its documentation has it; the answer's status.

    :raises NoAnswerError: it does not answer.
    :raises TransportError: there is no way to it.
    """
    port = hypervisor.site.agent.port
    way = hypervisor.forward(f"tcp:{session.address}:{port}")
    base = f"http://{session.address}:{port}"
    with client_over(way, base, timeout_s=hypervisor.site.session.window_s) as http:
        try:
            return http.get(f"/auth/callback?{query}").status_code
        except (httpx.TransportError, httpx.InvalidURL) as error:
            kind = TransportError if isinstance(error, httpx.ConnectError) else NoAnswerError
            raise kind(f"GET /auth/callback of {session.address}: {error}") from error
