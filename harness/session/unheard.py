"""Launches whose outcome nobody heard: the sessions that came of them are found by their rows, and ended.

A proxy gives up on a launch that goes on; a controller may fail after it has made a session. The host keeps
each such launch on record (:mod:`harness.custodian.sessions`), and only the database knows what came of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.clocks import Offset
from harness.database.connection import Database
from harness.database.vm_rows import database_clock
from harness.database.whole_rows import Row, Rows, newest_rows
from harness.errors import HarnessError
from harness.host.hypervisor import Hypervisor
from harness.site.profile import DatabaseSection

Connect = Callable[[], AbstractContextManager[Database]]

_ASK_S = 15.0
_SLACK_S = 60.0
"""For a controller that goes on with a launch after we have given it up."""
_BEFORE_S = 2.0
"""By which a row may be dated before the request that made it, beside what clocks are off."""


@dataclass(frozen=True)
class UnheardLaunch:
    """A request for a session that was not answered with one."""

    note: str
    """Its record on the host."""
    user: str
    asked: float
    """The host's time."""
    limit_s: float
    """How long the answer was waited for."""
    ended: bool
    """The API itself has said that it failed."""

    def is_over(self, now: float) -> bool:
        """Whether a session that came of it would be there by now."""
        return self.ended or now - self.asked > 2 * self.limit_s + _SLACK_S

    def sessions(
        self, rows: Rows, settings: DatabaseSection, *, known: Collection[str], ahead_s: float
    ) -> list[str]:
        """Sessions of its user from that time that go on and that no run owns: the user is the suite's own.

        Another host's run may launch in the name of the same user: what began later is none of this launch.

        :param ahead_s: how far the database's clock may be off the host's, either way.
        """
        first = self.asked - _BEFORE_S - ahead_s
        last = self.asked + 2 * self.limit_s + _SLACK_S + ahead_s
        began = self._going_on(rows, settings, known)
        return [key for key, at in began.items() if at is not None and first <= at <= last]

    def undated(self, rows: Rows, settings: DatabaseSection, *, known: Collection[str]) -> list[str]:
        """Sessions of its user that go on and do not say when they began: they may have come of it."""
        return [key for key, at in self._going_on(rows, settings, known).items() if at is None]

    def _going_on(
        self, rows: Rows, settings: DatabaseSection, known: Collection[str]
    ) -> dict[str, float | None]:
        return {
            key: _began(row)
            for key, row in rows.items()
            if str(row.get("user_id")).casefold() == self.user.casefold()
            and row.get("status") not in settings.finished_session_statuses
            and key not in known
        }


def settle_unheard(hypervisor: Hypervisor, connect: Connect) -> list[str]:
    """End the sessions that came of such launches, of dead runs and of this one; a line for each.

    A launch that is not over, or whose user has another one under way, stays on record, and so do all where
    the database cannot be asked; the run's end tells of them.

    :param connect: opens a session with the database, where it is needed.
    """
    custodian, settings = hypervisor.custodian, hypervisor.site.database
    began = time.time()
    found = custodian.ask("unsettled_launches", timeout_s=_ASK_S)
    if not found["launches"]:
        return []
    host = Offset.between((began, time.time()), (found["now"], found["now"]))
    try:
        with connect() as database:
            rows, clock = newest_rows(database, settings).sessions, database_clock(database)
    except HarnessError as error:
        return [f"what came of a launch cannot be looked for: {error.message}"]
    lines, known = [], list(found["known"])
    for launch in (UnheardLaunch(**said) for said in found["launches"]):
        if launch.user in found["busy"]:
            continue
        sessions = launch.sessions(rows, settings, known=known, ahead_s=(clock - host).at_most)
        known += sessions
        undated = launch.undated(rows, settings, known=known)
        if undated and not sessions:
            lines.append(
                f"a launch that was not heard of again may have made session {undated[0]}, whose row does not"
                f" say when it began: look at it; the launch stays on record in {launch.note}"
            )
        elif sessions or launch.is_over(found["now"]):
            settled = _settled(hypervisor, launch, sessions)
            lines += [f"of a launch that was not heard of again: {line}" for line in settled]
    return lines


def _settled(hypervisor: Hypervisor, launch: UnheardLaunch, sessions: list[str]) -> list[str]:
    timeout_s = _ASK_S + hypervisor.site.session.end_s * max(1, len(sessions))
    ask = hypervisor.custodian.ask
    try:
        lines: list[str] = ask("settle_launch", timeout_s=timeout_s, note=launch.note, found=sessions)
    except HarnessError as error:  # it stays on record
        return [error.message]
    return lines


def _began(row: Row) -> float | None:
    """When a session began, in seconds since 1970; None where its row does not say so."""
    try:
        began = datetime.fromisoformat(str(row.get("created_at") or row.get("started_at")))
    except ValueError:
        return None
    return (began if began.tzinfo else began.replace(tzinfo=UTC)).timestamp()
