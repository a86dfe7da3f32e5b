"""Heartbeats of a session that goes on: those that move, and those that only seem to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from harness.database.whole_rows import SessionRows
from harness.errors import SessionError
from harness.session import heartbeats
from harness.session.heartbeats import Heartbeat, watch_heartbeats
from harness.site.profile import Site

T = TypeVar("T")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[], float]:
    """The seconds that were waited for; none of them passes."""
    waited_s = 0.0

    def last_answer(
        ask: Callable[[], T], *, until: Callable[[T], object], timeout_s: float, interval_s: float
    ) -> T:
        nonlocal waited_s
        ends = waited_s + timeout_s
        while not until(seen := ask()) and waited_s < ends:
            waited_s += interval_s
        return seen

    monkeypatch.setattr(heartbeats, "last_answer", last_answer)
    return lambda: waited_s


def site(**database: object) -> Site:
    """A profile whose service promises heartbeats, soon."""
    return Site.model_validate({"name": "nowhere", "database": {"heartbeat_s": 0.01, **database}})


def rows(vm: object, session: object = None, status: str = "ready") -> SessionRows:
    """The rows of one moment, with their heartbeats in seconds of one minute."""
    return SessionRows(
        {"status": status, "error_message": "lost", "last_heartbeat": at(session)},
        {"status": "running", "last_heartbeat": at(vm)},
    )


def at(second: object) -> object:
    return f"2026-01-01T00:00:{second:02d}+00:00" if isinstance(second, int) else second


def watched(*looks: SessionRows, patience_s: float = 60, **database: object) -> dict[str, Heartbeat]:
    """What comes of these looks, the last of which stays."""
    rest: Iterator[SessionRows] = iter(looks[1:])
    last = looks[-1]
    promised = site(heartbeat_s=patience_s, **database)
    return dict(watch_heartbeats(promised, looks[0], lambda: next(rest, last)))


def test_a_heart_that_beats_twice_moves() -> None:
    (beat,) = watched(rows(1), rows(1), rows(6), rows(11)).values()
    assert beat.moves


def test_a_heart_that_beats_a_little_late_moves(clock: Callable[[], float]) -> None:
    """The second beat comes a moment behind twice the promised time."""
    beat = watch_heartbeats(site(heartbeat_s=20), rows(0), lambda: rows(int(clock() / (20 * 1.05))))["vms"]
    assert beat.moves
    assert clock() < 50


@pytest.mark.parametrize(
    "looks",
    [
        [rows(1)],
        [rows(None)],
        [rows("soon")],
        [rows(None), rows(5)],
        [rows(1), rows(5)],  # by the launch, or a new status
        [rows(9), rows(5), rows(9), rows(5)],
    ],
    ids=["still", "none", "no time", "set once", "moved once", "to and fro"],
)
def test_a_heart_that_stands_still_does_not(looks: list[SessionRows]) -> None:
    (beat,) = watched(*looks, patience_s=1).values()
    assert not beat.moves


def test_a_sessions_row_counts_where_the_service_writes_it() -> None:
    looks = [rows(1, 1), rows(2, 1), rows(3, 1)]
    assert list(watched(*looks)) == ["vms"]
    beats = watched(*looks, patience_s=1, written_session_columns=["last_heartbeat"])
    assert {table: beat.moves for table, beat in beats.items()} == {"vms": True, "auth_sessions": False}


def test_the_heartbeats_of_a_session_that_is_over_are_not_waited_for() -> None:
    with pytest.raises(SessionError, match=r"the session is over: 'failed' \(lost\)"):
        watched(rows(1), rows(1, status="failed"), patience_s=500)
