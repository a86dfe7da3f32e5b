"""Checks of a session: NOT PROVEN without a user to launch it for, and in an order that disturbs nobody."""

from __future__ import annotations

import pytest

from tests.unit.peers.small_suite import Suite

pytest_plugins = ["pytester"]

USER = "00000000-0000-4000-8000-000000000001"
SECOND = "\n@check('session-launches')\ndef test_two(second_session_user): pass\n"


@pytest.mark.parametrize(
    ("profile", "first", "second"),
    [
        ("", "NOT PROVEN", "NOT PROVEN"),
        (f'user_id = "{USER}"', "PASS", "NOT PROVEN"),
        (f'user_id = "{USER}"\nsecond_user_id = "{USER[:-1]}2"', "PASS", "PASS"),
    ],
)
def test_without_a_user_nothing_is_proven(suite: Suite, profile: str, first: str, second: str) -> None:
    """And the verdict says what is missing in the profile."""
    suite.profile(f'name = "nowhere"\n[session]\n{profile}')
    suite.write(
        "@check('session-launches')\ndef test_one(session_user): pass\n" + SECOND,
        file="tests/session/test_made_up.py",
    )
    ended = suite.run()
    assert (ended.outcome("session.one"), ended.outcome("session.two")) == (first, second)
    assert ("names no session.user_id" in ended.output) is (first == "NOT PROVEN")
    assert ended.status == (0 if second == "PASS" else 5)


ORDER = """
for name in ("resumed", "guest_facts", "launched", "ended", "cold_boot"):
    globals()[name] = pytest.fixture(name=name, scope="session")(lambda: None)

@check()
def test_experiment(cold_boot): print("<5>")
@check()
def test_end(launched, ended): print("<2>")
@check()
def test_row(): print("<4>")
@check()
def test_facts(resumed, guest_facts): print("<3>")
@check()
def test_launch(launched): print("<1>")
@check()
def test_health(resumed): print("<0>")
"""


def test_the_end_of_a_session_comes_when_nobody_looks_at_it_any_more(suite: Suite) -> None:
    """Its end comes before experiments begin: those want the processors."""
    suite.write(ORDER, file="tests/session/test_made_up.py")
    output = suite.run("-s").output
    places = [output.index(f"<{number}>") for number in range(6)]
    assert places == sorted(places)
