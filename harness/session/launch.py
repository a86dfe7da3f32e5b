"""A session of ours: launched and cancelled.

A controller answers once the VM is healthy, or at once, and has it ready later: either within the profile's
``session.launch_s``.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from types import TracebackType
from typing import Any

import httpx

from harness.custodian.sessions import PERHAPS_OVER
from harness.errors import NoAnswerError, SessionError, UnreadableError, WaitTimeoutError
from harness.session.control_api import ControlApi, table_of
from harness.session.owned import ASKED_AT
from harness.session.told import how, vm_in
from harness.site.patterns import is_wholly
from harness.site.profile import Site
from harness.text import beginning
from harness.values import ipv4, name
from harness.wait import wait_until

_MESSAGE_CHARACTERS = 500
FindRow = Callable[[str], Mapping[str, Any] | None]
_READY_POLL_S = 0.5
_GOING_POLL_S = 2.0
_STARTS = "session.session_starts"
_COMPLETE = "see session.start_answer_is_complete"


class Session:
    """A launched session, made by :func:`launch`. A context manager that cancels it."""

    def __init__(
        self,
        api: ControlApi,
        site: Site,
        *,
        user_id: str,
        provider: str,
        answer: httpx.Response,
        took_s: float,
        find_row: FindRow = lambda _: None,
    ) -> None:
        self.api = api
        self.site = site
        self.user_id = user_id
        self.provider = provider
        self.answer = table_of(answer)
        """What the request for the session was answered."""
        self.id = session_id(self.answer)
        self.asked_at: float = answer.extensions.get(ASKED_AT, time.time() - took_s)
        """The host's time when the session was asked for."""
        self.took_s = took_s
        """Seconds from the request to the answer, or to a ready session, where that came later."""
        self.born_at = time.monotonic() - took_s
        """``time.monotonic()`` when the session was asked for: its VM is no older."""
        self._find_row = find_row
        self._over = False
        self._looked_at = 0.0

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def address(self) -> str:
        """Its VM's address, as the answer has it: it names files, and is where we log in.

        :raises SessionError: it is none that a VM may have.
        """
        network = self.site.network
        try:
            address = ipv4(self.answer.get("browserIP"), whose="browserIP")
        except UnreadableError as error:
            raise SessionError(f"session {self.id}: {error.message}", hint=_COMPLETE) from error
        if not network.first_vm <= address <= network.last_vm:
            raise SessionError(
                f"session {self.id}: browserIP {address} is outside {network.first_vm} to {network.last_vm}",
                hint=_COMPLETE,
            )
        return str(address)

    @cached_property
    def vm_id(self) -> str:
        """Its VM, as the API tells it, or else the session's row.

        :raises SessionError: neither names one, or what is named is no VM's id.
        """
        row = self.row()
        vm_id = vm_in(row) or vm_in(self._find_row(self.id) or {})
        if not vm_id:
            raise SessionError(f"session {self.id} names no VM: {beginning(str(row), _MESSAGE_CHARACTERS)}")
        pattern = self.site.state.vm_id_pattern
        if not isinstance(vm_id, str) or not is_wholly(pattern, vm_id):
            odd = beginning(str(vm_id), _MESSAGE_CHARACTERS)
            raise SessionError(
                f"session {self.id}: its VM {odd!r} has no id as {pattern}",
                hint="is state.vm_id_pattern of the profile the right one?",
            )
        return vm_id

    def row(self) -> dict[str, Any]:
        """The session as the API shows it now.

        :raises SessionError: it shows none.
        """
        return self._read(self.api.session(self.id))

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        row = table_of(answer).get("session")
        if answer.status_code != httpx.codes.OK or not isinstance(row, dict):
            raise SessionError(f"session {self.id}: {answer_text(answer)}; expected its row")
        self._over = self._over or row.get("status") in self.site.database.finished_session_statuses
        return row

    def wait_ready(self) -> None:
        """Wait until it is ready or further on. Here it is no error that the time for its launch is over, or
        that it is not shown.

        :raises SessionError: it ended first.
        """
        settings, began = self.site.session, time.monotonic() - self.took_s
        looks = 0

        def ready() -> bool:
            nonlocal looks
            looks += 1
            answer = self.api.session(self.id)
            try:
                row = self._read(answer)
            except SessionError:
                return not (answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS)
            if self._over:
                raise SessionError(
                    f"session {self.id} ended before it was ready: {how(row)}",
                    hint="read the controller's journal about this session",
                    behind=_STARTS,
                )
            return row.get("status") in settings.ready_statuses

        with contextlib.suppress(WaitTimeoutError):
            wait_until(
                ready,
                what=f"session {self.id} to be ready",
                timeout_s=max(0.0, settings.launch_s - self.took_s),
                interval_s=_READY_POLL_S,
                retry_on=(NoAnswerError,),
            )
            if looks == 1:  # it was ready when it was answered
                return
        self.took_s = time.monotonic() - began

    def is_over(self) -> bool:
        """Whether it is seen to be over: one that is not shown is not."""
        with contextlib.suppress(SessionError):
            self.row()
        return self._over

    def must_go_on(self) -> None:
        """For waits that make sense only as long as it goes on; asked at most every few seconds.

        :raises SessionError: it is seen to be over; with its status and reason.
        """
        now = time.monotonic()
        if now - self._looked_at < _GOING_POLL_S:
            return
        self._looked_at = now
        with contextlib.suppress(NoAnswerError):  # who does not hear it knows no end of it
            answer = self.api.session(self.id)
            row = table_of(answer).get("session")
            if isinstance(row, dict) and row.get("status") in self.site.database.finished_session_statuses:
                self._over = True
                raise SessionError(f"session {self.id} is over: it is {how(row)}", hint="see what ended it")

    def cancel(self) -> httpx.Response:
        """Ask for the session's end; the answer, whatever it is. Called again, it asks again."""
        answer = self.api.cancel(self.id)
        self._over = self._over or answer.is_success
        return answer

    def close(self) -> None:
        """Cancel the session, unless it was cancelled, or was seen to have ended. Twice is no error.

        :raises SessionError: it could not be cancelled, or nobody knows it; the run's custodian tries again.
        """
        if self._over:
            return
        answer = self.cancel()
        seen = self._state_now() if answer.status_code in PERHAPS_OVER else ""
        if not self._over:
            raise SessionError(
                f"session {self.id} could not be cancelled: {answer_text(answer)}{seen}",
                hint="where its VM still runs, remove it as the runbook says (step 1)",
            )

    def _state_now(self) -> str:
        """What the session's row says now: a refusal to cancel says nothing of its end."""
        try:
            return f"; it is {self.row().get('status')!r}"
        except SessionError as error:
            return f"; {error.message}"


def launch(
    api: ControlApi,
    site: Site,
    *,
    user_id: str,
    provider: str | None = None,
    find_row: FindRow = lambda _: None,
) -> Session:
    """A new session, as the controller answers it.

    :param find_row: finds a session's row in the database, for what the API does not tell.
    :raises SessionError: there is none; with the answer.
    :raises TransportError: the controller could not be asked.
    """
    provider = provider or site.session.provider
    began = time.monotonic()
    try:
        answer = api.start({"userId": user_id, "provider": provider})
    except NoAnswerError as error:
        raise SessionError(
            f"no session for {user_id} at {provider}: {error.message}",
            hint=error.hint,
            behind=(*error.behind, _STARTS),
        ) from error
    took_s = time.monotonic() - began
    if answer.status_code != httpx.codes.OK or "sessionId" not in table_of(answer):
        raise SessionError(
            f"no session for {user_id} at {provider}: {answer_text(answer)} after {took_s:.1f} s; "
            'expected 200 with a "sessionId"',
            hint="read the controller's journal, and look at the session's error_message",
            behind=_STARTS,
        )
    return Session(
        api, site, user_id=user_id, provider=provider, answer=answer, took_s=took_s, find_row=find_row
    )


def session_id(answer: Mapping[str, Any]) -> str:
    """The id in the answer to a request for a session.

    :raises SessionError: it is none that could be asked for.
    """
    try:
        return name(answer.get("sessionId"), whose="sessionId")
    except UnreadableError as error:
        raise SessionError(f"POST /api/auth/start: {error.message}", hint=_COMPLETE) from error


def answer_text(answer: httpx.Response) -> str:
    """Status and text of an answer, for a message."""
    return f"answered {answer.status_code}: {beginning(answer.text, _MESSAGE_CHARACTERS)}"
