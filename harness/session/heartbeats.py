"""Whether the rows of a session that goes on, and of its VM, are written to again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.database.whole_rows import Row, SessionRows
from harness.errors import SessionError, UnreadableError
from harness.session.told import how
from harness.site.profile import Site
from harness.values import moment
from harness.wait import last_answer

HEARTBEAT = "last_heartbeat"
_MOVES = 2
"""A row that is written once, by a launch or a new status, moves once."""
_POLL_S = 1.0
_LATE = 0.1
"""Of a heartbeat's period: what wakes up, writes and commits is a little late each time."""


@dataclass
class Heartbeat:
    """The moments that a row's heartbeat was seen to be at, each later than the one before."""

    moments: list[float] = field(default_factory=list)
    last: object = None
    """What it was at last, as it stands there."""

    @property
    def moves(self) -> bool:
        """Whether it was seen to move, and not by chance."""
        return len(self.moments) > _MOVES

    def see(self, row: Row | None) -> None:
        """Take what a row has now; what is no time does not count."""
        self.last = (row or {}).get(HEARTBEAT)
        try:
            now = moment(self.last, whose=HEARTBEAT)
        except UnreadableError:
            return
        if not self.moments or now > self.moments[-1]:
            self.moments.append(now)


def watch_heartbeats(
    site: Site, first: SessionRows, look: Callable[[], SessionRows]
) -> Mapping[str, Heartbeat]:
    """The heartbeats of a VM's row, and of its session's where the service writes one, by table.

    :param first: what was seen first, be it long ago.
    :raises SessionError: the session is over.
    """
    settings = site.database
    beats = {settings.vms_table: Heartbeat()}
    if HEARTBEAT in settings.written_session_columns:
        beats[settings.sessions_table] = Heartbeat()

    def take(rows: SessionRows) -> bool:
        for table, beat in beats.items():
            beat.see(rows.vm if table == settings.vms_table else rows.session)
        return all(beat.moves for beat in beats.values())

    def again() -> bool:
        rows = look()
        if rows.session and rows.session.get("status") in settings.finished_session_statuses:
            raise SessionError(
                f"the session is over: {how(rows.session)}", hint="see session.session_is_ready"
            )
        return take(rows)

    take(first)
    limit_s = _MOVES * (settings.heartbeat_s or 0) * (1 + _LATE) + _POLL_S
    last_answer(again, until=bool, timeout_s=limit_s, interval_s=_POLL_S)
    return beats
