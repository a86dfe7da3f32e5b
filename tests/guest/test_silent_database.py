"""What the agent does when its database accepts connections and never answers, tried in its own clone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.guest.desktop import Desktop
from harness.guest.silent_database import SilentDatabase
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.behind(
        "guest.clone_resumes_from_the_snapshot", "guest.health_answers_in_time", explains="trouble"
    ),
    pytest.mark.item("handlers"),
    pytest.mark.mend(step=3, how="fix 3: wrap database calls in withTimeout(…)"),
    pytest.mark.look("grep -n withTimeout {agent.entry}", "journalctl -n 50 -u {agent.unit}"),
]

CAME_UP = "guest.silent_database_leaves_health_alone"


@pytest.fixture
def tried(silent_database: SilentDatabase) -> SilentDatabase:
    """The experiment, in which the agent did ask its database: else nothing was tried."""
    if not silent_database.was_asked:
        answers = "; ".join(map(str, silent_database.logins))
        pytest.skip(
            f"the agent never asked the database that {silent_database.variable} leads to, so nothing was "
            f"tried: {answers}. Set agent.database_variable and agent.database_environment of the profile to "
            'what makes it ask, or agent.database_variable = "none" where it uses no database'
        )
    return silent_database


@pytest.fixture
def asked(tried: SilentDatabase) -> SilentDatabase:
    """The same, where the agent came up, so that all could be asked of it."""
    if not tried.came_up:
        raise HarnessError("the agent did not even come up", hint=f"see {CAME_UP}", behind=CAME_UP)
    return tried


@pytest.mark.behind(CAME_UP)
def test_silent_database_does_not_hang_a_login(asked: SilentDatabase) -> None:
    """A login at each provider is answered in time, whatever it says, though the database never answers."""
    bad = [str(login) for login in asked.logins if not (login.answered and login.in_time)]
    assert not bad, "logins with a database that never answers:\n  " + "\n  ".join(bad)


@pytest.mark.behind(CAME_UP)
def test_database_calls_have_a_timeout(
    asked: SilentDatabase, site: Site, desktop: Desktop, advice: Callable[[str], None], evidence: Any
) -> None:
    """Whatever may use the database (each login, a session's address, status and credentials) ends in time,
    though the database never answers."""
    evidence.json("database-connections.json", dataclasses.asdict(asked.silence))
    evidence.text("requests.txt", "\n".join(map(str, (*asked.logins, *asked.others))))
    if desktop.needed:
        advice(f"the desktop was at work meanwhile; with it frozen, a login said {desktop.needed}")
    if asked.lingering:
        advice(
            f"calls of the database stay open after they were given up, {site.agent.database_timeout_s:g} s "
            f"and more: {', '.join(sorted(set(asked.lingering)))}; abort them (AbortSignal.timeout, a "
            "statement timeout), or they pile up"
        )
    late = [str(one) for one in asked.late]
    heard = sorted({one.request or "what is no HTTP" for one in asked.silence.connections if one.size})
    assert not late, (
        "not ended in time with a database that never answers:\n  "
        + "\n  ".join(late)
        + f"\nthe database was asked for: {', '.join(heard) or 'nothing'}"
    )


def test_silent_database_leaves_health_alone(tried: SilentDatabase, site: Site) -> None:
    """The agent comes up, and its health answers 200 in time all the while."""
    assert tried.came_up, (
        f"started with a database that never answers, the agent did not come up: {tried.no_start} "
        f"({site.guest.recovery_s:g} s):\n{tried.after.tail()}"
    )
    bad, looks = tried.health_failures, tried.health_looks
    assert not bad, (
        f"{len(bad)} of {looks} looks at {site.agent.health_path} were not answered 200 within "
        f"{site.guest.request_s:g} s meanwhile: {', '.join(bad[:3])}"
    )


def test_silent_database_is_logged(tried: SilentDatabase, evidence: Any) -> None:
    """The journal says that the database call timed out."""
    evidence.text("journal.txt", tried.after.tail(400))
    assert tried.timeouts, (
        f"expected a line like 'Operation timed out' in the agent's journal; it said:\n{tried.after.tail()}"
    )
