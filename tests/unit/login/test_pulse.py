"""An agent's health beside a login: what is missed, whose trouble it is, and when it is asked no more."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from harness.errors import TransportError
from harness.login.pulse import Pulse, feeling_pulse

Answered = tuple[int, str]


def felt(
    ask: Callable[[], Answered],
    *,
    over: Callable[[], bool] = lambda: False,
    looks: int = 2,
    grace_s: float = 0,
) -> Pulse:
    """The pulse during a block that ends after so many looks, or when nobody looks any more."""
    seen, enough = 0, threading.Event()

    def counted() -> Answered:
        nonlocal seen
        seen += 1
        try:
            return ask()
        finally:
            if seen >= looks:
                enough.set()

    with feeling_pulse(counted, over, grace_s=grace_s) as pulse:
        assert enough.wait(60)
    return pulse


def test_an_agent_that_answers_is_asked_again_and_again() -> None:
    pulse = felt(lambda: (200, "ok"))
    assert pulse.asked >= 2
    assert (pulse.missed, pulse.lost) == ([], "")


def test_an_agent_that_hears_nobody_is_told_with_why() -> None:
    """And one that answers otherwise."""
    answers = iter([(200, "ok"), (0, "no answer: ReadTimeout"), (503, "busy")])
    pulse = felt(lambda: next(answers, (200, "ok")), looks=3)
    assert [line.partition(" s: ")[2] for line in pulse.missed] == ["no answer: ReadTimeout", "503"]


def test_the_vm_of_a_session_that_is_over_owes_no_answer() -> None:
    """And an agent that was never asked has not proved anything."""
    pulse = felt(lambda: (0, "no answer: gone"), over=lambda: True, looks=1)
    assert (pulse.asked, pulse.missed) == (0, [])
    assert pulse.lost == "the agent was not asked for its health before the session was over"


@pytest.mark.parametrize("looks", [2, 4], ids=["told of behind the block", "told of in it"])
def test_a_vm_may_go_a_moment_before_its_session_is_over(looks: int) -> None:
    answers, told = iter([(200, "ok")]), iter([False, False])
    pulse = felt(
        lambda: next(answers, (0, "no answer: gone")),
        over=lambda: next(told, True),
        looks=looks,
        grace_s=500,
    )
    assert (pulse.asked, pulse.missed, pulse.lost) == (1, [], "")


def test_a_session_that_goes_on_for_longer_was_owed_an_answer() -> None:
    """So was one whose agent answers again."""
    answers = iter([(200, "ok"), (0, "no answer: gone")])
    pulse = felt(lambda: next(answers, (200, "ok")), looks=3, grace_s=500)
    assert [line.partition(" s: ")[2] for line in pulse.missed] == ["no answer: gone"]
    pulse = felt(lambda: (0, "no answer: gone"), looks=1)
    assert {line.partition(" s: ")[2] for line in pulse.missed} == {"no answer: gone"}


@pytest.mark.parametrize(
    ("error", "why"),
    [(TransportError("the way is lost"), "the way is lost"), (KeyError("port"), "KeyError: 'port'")],
)
def test_our_own_trouble_is_not_the_agents(error: Exception, why: str) -> None:
    def lost() -> Answered:
        raise error

    pulse = felt(lost, looks=1)
    assert (pulse.missed, pulse.lost) == ([], why)
