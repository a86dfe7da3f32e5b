"""An agent's health beside a login: what is missed, whose trouble it is, and when it is asked no more."""

from __future__ import annotations

import threading
from collections.abc import Callable

from harness.errors import TransportError
from harness.login.pulse import Pulse, feeling_pulse

Answered = tuple[int, str]


def felt(ask: Callable[[], Answered], *, over: bool = False, looks: int = 2) -> Pulse:
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

    with feeling_pulse(counted, lambda: over) as pulse:
        assert enough.wait(30)
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
    pulse = felt(lambda: (0, "no answer: gone"), over=True, looks=1)
    assert (pulse.asked, pulse.missed) == (0, [])


def test_our_own_trouble_is_not_the_agents() -> None:
    def lost() -> Answered:
        raise TransportError("the way is lost")

    pulse = felt(lost, looks=1)
    assert (pulse.missed, pulse.lost) == ([], "the way is lost")
