"""Requests for sessions, as they are on record in their run's directory. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. By these notes the next run's reaper finds the
sessions that a killed custodian left.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.custodian import notes

NOTES = "session-*.json"


@dataclass(frozen=True)
class Launch:
    """A request for a session, as it is on record."""

    show: str
    """Where the session is shown, with ``{session}`` for its id."""
    cancel: str
    finished: list[str]
    """The statuses of a session that is over."""
    end_s: float
    limit_s: float
    """How long the answer was waited for."""
    asked: float
    """This host's time at the request."""
    body: str
    user: str
    session: str | None = None
    """Its id, once that is known."""
    heard: str | None = None
    """What came instead of a session; None while nothing has."""
    ended: bool = False
    """Whether the API itself has said that the launch failed, so that none is under way."""

    @classmethod
    def read(cls, note: Path) -> Launch:
        """The launch that a note is about.

        :raises notes.Unreadable: it is about none.
        """
        said = notes.read(note)
        texts, times = ("show", "cancel", "body", "user"), ("end_s", "limit_s", "asked")
        right = (
            all(isinstance(said.get(name), str) for name in texts)
            and all(type(said.get(name)) in (int, float) for name in times)
            and isinstance(said.get("finished"), list)
            and isinstance(said.get("session"), (str, type(None)))
            and isinstance(said.get("heard"), (str, type(None)))
            and isinstance(said.get("ended"), bool)
        )
        if not right:
            raise notes.Unreadable(f"{note.name} does not say which session it is of")
        return cls(**{name: said[name] for name in cls.__dataclass_fields__})

    def write(self, note: Path) -> None:
        """Put it on record.

        :raises OSError: it could not be; what was on record before still is.
        """
        notes.write(note, asdict(self))


def unsettled(directory: Path) -> dict[Path, Launch]:
    """Launches of a run of which it is not known whether there is a session."""
    return {note: one for note, one in _launches(directory).items() if one.session is None}


def sessions_on_record(directory: Path) -> list[str]:
    """Sessions that a run owns."""
    return [one.session for one in _launches(directory).values() if one.session is not None]


def _launches(directory: Path) -> dict[Path, Launch]:
    found = {}
    for note in sorted(directory.glob(NOTES)):
        with contextlib.suppress(notes.Unreadable):
            found[note] = Launch.read(note)
    return found
