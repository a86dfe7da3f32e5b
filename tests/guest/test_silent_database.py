"""What the agent does when its database accepts connections and never answers."""

from __future__ import annotations

from typing import Any

import pytest

from harness.guest.experiments import SilentDatabase
from harness.site.profile import Site

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.item("handlers"),
    pytest.mark.mend(step=3, how="fix 3: wrap database calls in withTimeout(…)"),
]


def test_silent_database_does_not_hang_a_login(
    silent_database: SilentDatabase, site: Site, evidence: Any
) -> None:
    """A login is answered in time, whatever the answer, though the database never answers."""
    evidence.text("journal.txt", silent_database.after.tail(400))
    limit_s = site.agent.database_timeout_s + site.agent.login_s
    seen = silent_database.answered_s
    assert seen is not None, f"a login with a database that never answers: {silent_database.answer}"
    assert seen <= limit_s, (
        f"a login with a database that never answers: expected an answer within {limit_s:g} s, "
        f"got {silent_database.answer} after {seen:.1f} s"
    )


def test_silent_database_leaves_health_alone(silent_database: SilentDatabase) -> None:
    """The agent's health answers 200 all the while."""
    bad = silent_database.health_failures
    looks = silent_database.health_looks
    assert looks, "nobody looked at /health meanwhile"
    assert not bad, f"{len(bad)} of {looks} looks at /health failed meanwhile: {', '.join(bad[:3])}"


def test_silent_database_is_logged(silent_database: SilentDatabase) -> None:
    """The journal says that the database call timed out."""
    assert silent_database.timeouts, (
        "expected a line like 'Operation timed out' in the agent's journal; it said:\n"
        f"{silent_database.after.tail()}"
    )
