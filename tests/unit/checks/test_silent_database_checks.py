"""Checks of a silent database as they are, on what an experiment may have seen: red, advice, NOT PROVEN."""

from __future__ import annotations

import pytest

from tests.unit.peers.small_suite import ROOT, Ended, Suite

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest
from harness.guest.agent_state import parse_state
from harness.guest.desktop import Desktop
from harness.guest.silent_database import Asked, SilentDatabase
from harness.vm.silent_listener import Silence, SilentConnection
from tests.unit.peers.small_vm import state

def asked(what, seconds=1.0, answer="200 {{}}", answered=True, dropped=False, limit_s=10.0):
    return Asked(what, limit_s, seconds, answer, answered=answered, dropped=dropped)

NEVER = dict(seconds=10.0, answer="no answer", answered=False)
CALL = SilentConnection(0.5, 90, "PATCH /rest/v1/auth_sessions", 5.5, "the agent")
SEEN = dict(
    variable="SUPABASE_URL", silence=Silence(1, 9.0, (CALL,)), came_up=True,
    logins=(asked("POST /auth/codex"),), others=(asked("GET /credentials/status"),),
    health_failures=(), health_looks=9, lingering=(),
    after=parse_state(state("[DB] Operation timed out"), since_s=0),
)
SILENT = dict(silence=Silence(0, 9.0, ()), after=parse_state(state("no database"), since_s=0))

@pytest.fixture(scope="session")
def silent_database():
    return SilentDatabase(**{{**SEEN, **dict({seen})}})

@pytest.fixture(scope="session")
def desktop():
    made = Desktop()
    made.needed = {desktop!r}
    return made
"""
LOGIN, CALLS, HEALTH, LOGGED = CHECKS = (
    "silent_database_does_not_hang_a_login",
    "database_calls_have_a_timeout",
    "silent_database_leaves_health_alone",
    "silent_database_is_logged",
)


def run(suite: Suite, seen: str, desktop: str = "") -> Ended:
    """All of them, where the experiment saw this beside what is good."""
    folder, name = suite.root / "tests/guest", "test_silent_database.py"
    folder.mkdir(parents=True)
    (folder / name).write_text((ROOT / "tests/guest" / name).read_text())
    (folder / "conftest.py").write_text(CONFTEST.format(seen=seen, desktop=desktop))
    return suite.run()


def otherwise(ended: Ended) -> dict[str, str]:
    """The checks that are not PASS."""
    outcomes = {check: ended.outcome(f"guest.{check}") for check in CHECKS}
    return {check: outcome for check, outcome in outcomes.items() if outcome != "PASS"}


RED = {
    "nothing": ("", {}, ()),
    "a login hangs": (
        "logins=(asked('POST /auth/codex', **NEVER),)",
        {LOGIN: "FAIL", CALLS: "FAIL"},
        ("codex",),
    ),
    "a login is late": ("logins=(asked('POST /auth/x', 10.2),)", {LOGIN: "FAIL", CALLS: "FAIL"}, ("10.2 s",)),
    "a login is dropped": (
        "logins=(asked('POST /auth/x', answered=False, dropped=True),)",
        {LOGIN: "FAIL"},
        ("POST /auth/x",),
    ),
    "a status hangs": (
        "others=(asked('GET /credentials/status', **NEVER),)",
        {CALLS: "FAIL"},
        ("GET /credentials/status: no answer (never", "asked for: PATCH /rest/v1/auth_sessions"),
    ),
    "health fails": ("health_failures=('no answer',)", {HEALTH: "FAIL"}, ("1 of 9 looks at /health",)),
    "nothing is logged": ("after=SILENT['after']", {LOGGED: "FAIL"}, ("it said: 100.000 no database",)),
}


@pytest.mark.parametrize(("seen", "expected", "told"), RED.values(), ids=RED)
def test_each_is_red_by_itself(
    suite: Suite, seen: str, expected: dict[str, str], told: tuple[str, ...]
) -> None:
    ended = run(suite, seen)
    assert otherwise(ended) == expected
    assert [words for words in told if words not in " ".join(ended.output.split())] == []


def test_an_agent_that_never_asked_proves_nothing(suite: Suite) -> None:
    """Whatever else was seen; and the field to set is named."""
    ended = run(suite, "**SILENT, logins=(asked('POST /auth/x', **NEVER),)")
    assert otherwise(ended) == dict.fromkeys(CHECKS, "NOT PROVEN")
    for told in ("never asked the database that SUPABASE_URL leads to", 'agent.database_variable = "none"'):
        assert told in " ".join(ended.output.split())


def test_one_that_does_not_come_up_is_one_finding(suite: Suite) -> None:
    """What could then not be asked stays open, behind it."""
    ended = run(suite, "came_up=False, logins=(), others=()")
    assert otherwise(ended) == {LOGIN: "NOT PROVEN", CALLS: "NOT PROVEN", HEALTH: "FAIL"}


def test_what_lingers_is_advice(suite: Suite) -> None:
    ended = run(suite, "lingering=('PATCH /rest/v1/x', 'PATCH /rest/v1/x')")
    assert otherwise(ended) == {}
    (advice,) = ended.verdict["advice"]
    assert advice["check"] == f"guest.{CALLS}"
    assert "5 s and more: PATCH /rest/v1/x; abort them" in advice["text"]


def test_that_the_desktop_was_needed_is_said(suite: Suite) -> None:
    ended = run(suite, "", "codex: no answer within 5 s")
    assert otherwise(ended) == {}
    assert "codex: no answer within 5 s" in ended.verdict["advice"][0]["text"]
