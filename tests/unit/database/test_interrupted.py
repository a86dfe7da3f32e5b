"""A question that is cut off as it waits, by Ctrl-C or for want of time: the session answers the next one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from harness.database.connection import Database, read_only_session
from harness.database.scratch import ScratchPostgres
from harness.site.profile import Site

URL = "ACCEPTANCE_TEST_URL"
SITE = Site.model_validate({"name": "cut", "database": {"url_env": URL, "statement_timeout_s": 60}})


class OverError(BaseException):
    """No exception of the driver's, and no interrupt that it knows."""


@pytest.fixture(params=[KeyboardInterrupt, OverError])
def raised(request: pytest.FixtureRequest) -> Iterator[type[BaseException]]:
    """What an alarm raises where the main thread is."""

    def cut_off(_number: int, _frame: FrameType | None) -> None:
        raise request.param

    before = signal.signal(signal.SIGALRM, cut_off)
    yield request.param
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_the_next_question_is_answered(
    raised: type[BaseException], scratch_database: ScratchPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, scratch_database.url())
    with read_only_session(SITE, run_id="abcdef") as database:
        with pytest.raises(raised):
            _ask_what_takes_long(database)
        with database.transaction("it is quick") as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def _ask_what_takes_long(database: Database) -> None:
    with database.transaction("it is slow") as connection:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        connection.execute("select pg_sleep(50)")
