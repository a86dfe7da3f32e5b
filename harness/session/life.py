"""What a session is seen to be: while its VM runs, and after it was cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from harness.database.connection import Database
from harness.database.vm_rows import LiveRow
from harness.database.whole_rows import SessionRows, rows_of
from harness.errors import NoAnswerError, SessionError, TransportError
from harness.findings import Finding
from harness.host.hypervisor import Hypervisor
from harness.host.journal import lines_about, markers_in
from harness.host.parts import Line
from harness.session.launch import Session
from harness.transport.http import client_over
from harness.wait import last_answer
from harness.world.difference import changed_things
from harness.world.inventory import Inventory
from harness.world.look import World, look_at_vms, look_at_world, look_until_settled
from harness.world.vm_end import VmEnd, watch_end

Said = httpx.Response | str
"""An answer, or why there was none."""

_JOURNAL_DELAY_S = 3.0  # until a line that was written is in the journal
_JOURNAL_POLL_S = 0.1
_HEALTH_POLL_S = 0.5


@dataclass(frozen=True)
class Lived:
    """A session while its VM runs: its rows, and what that VM has on the host."""

    rows: SessionRows
    inventory: Inventory | None
    """None where no row says what to look for."""

    @property
    def vm(self) -> LiveRow:
        """What the row of its VM promises.

        :raises SessionError: there is no such row.
        """
        return _promised(self.rows)

    @property
    def things(self) -> Inventory:
        """What VMs have on the host.

        :raises SessionError: there is no row to hold it against.
        """
        if self.inventory is None:
            raise _no_row()
        return self.inventory


@dataclass(frozen=True)
class SessionEnd:
    """A session after it was cancelled."""

    answer: Said
    took_s: float
    """Seconds from the request to the answer."""
    vm_end: VmEnd
    """What was left of its VM at the deadline, and what the rows said."""
    again: Said
    """The answer to a second cancel."""
    world: World
    """Host and database then, after they had time to settle."""
    changed: list[Finding]
    """Things of VMs that were not as before at any look, as long as that took."""


def observe(session: Session, hypervisor: Hypervisor, database: Database) -> Lived:
    """Look at a session whose VM runs."""
    rows = rows_of(database, session.site.database, session=session.id, vm_id=session.vm_id)
    return Lived(rows, look_at_vms(hypervisor, [_promised(rows)]) if rows.vm else None)


def health_of(session: Session, hypervisor: Hypervisor) -> Callable[[], tuple[int, str]]:
    """What asks the agent for its health, from the host, by a connection of its own each time.

    Status and text of the answer; 0 and why where there was none.
    """
    site = session.site
    way = hypervisor.forward(f"tcp:{session.address}:{site.agent.port}")
    base = f"http://{session.address}:{site.agent.port}"

    def ask() -> tuple[int, str]:
        with client_over(way, base, timeout_s=site.guest.request_s) as client:
            try:
                answer = client.get(site.agent.health_path)
            except httpx.ConnectError as error:  # what we connect to is a socket of our own
                raise TransportError(f"the way to {base} through the host is lost: {error}") from error
            except httpx.TransportError as error:
                return 0, f"no answer: {type(error).__name__}: {error}"
        return answer.status_code, answer.text

    return ask


def health_in_time(session: Session, hypervisor: Hypervisor) -> tuple[int, str]:
    """The agent's health once it is good, or at the end of the time for the launch: a controller may call a
    session ready while its agent still comes up."""
    ask = health_of(session, hypervisor)

    def is_good(answer: tuple[int, str]) -> bool:
        return answer[0] == httpx.codes.OK

    def look() -> tuple[int, str]:
        answer = ask()
        if not is_good(answer):
            session.must_go_on()
        return answer

    left_s = max(0.0, session.born_at + session.site.session.launch_s - time.monotonic())
    try:
        return last_answer(look, until=is_good, timeout_s=left_s, interval_s=_HEALTH_POLL_S)
    except SessionError as error:
        return 0, error.message


def launch_lines(session: Session, hypervisor: Hypervisor) -> list[Line]:
    """The controller's journal about a session and its VM, as soon as every marker is in it."""

    def all_there(lines: list[Line]) -> bool:
        return all(marker.line for marker in markers_in(lines, session.site.session.markers))

    since = session.asked_at - 1
    return last_answer(
        lambda: lines_about(hypervisor, session.vm_id, session.address, session.id, since=since),
        until=all_there,
        timeout_s=_JOURNAL_DELAY_S,
        interval_s=_JOURNAL_POLL_S,
    )


def cancel_and_observe(
    session: Session,
    lived: Lived,
    before: World,
    hypervisor: Hypervisor,
    database: Database,
) -> SessionEnd:
    """Cancel a session, and look at what then is left of it.

    :param before: host and database before it was launched.
    """
    site = session.site
    vm = lived.vm
    began = time.monotonic()
    answer = _cancelled(session)
    took_s = time.monotonic() - began
    left_s = max(0.0, site.session.end_s - took_s)
    vm_end = watch_end(hypervisor, database, session=session.id, vm=vm, timeout_s=left_s)
    again = _cancelled(session)
    world, changed = look_until_settled(
        lambda: look_at_world(hypervisor, database, since=before),
        lambda now: changed_things(before, now),
        timeout_s=site.host.settle_s,
    )
    return SessionEnd(answer, took_s, vm_end, again, world, changed)


def _cancelled(session: Session) -> Said:
    try:
        return session.cancel()
    except NoAnswerError as error:
        return error.message


def _promised(rows: SessionRows) -> LiveRow:
    if rows.vm is None:
        raise _no_row()
    return LiveRow.of(rows.vm)


def _no_row() -> SessionError:
    return SessionError("there is no row of the session's VM", hint="see session.vm_row_is_complete")
