"""Whose time passes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.whose_time import Looker, Sample, Span, Whose, by_span, shares
from harness.wait import wait_until

GENEROUS_S = 60.0


def sample(at: float, busy: int, idle: int, **used: int) -> Sample:
    return Sample(at, {Whose[name]: ticks for name, ticks in used.items()}, busy, idle)


def rounded(times: dict[Whose, float] | object) -> dict[str, float]:
    """Those that are any."""
    assert isinstance(times, dict)
    return {whose.name: round(seconds, 3) for whose, seconds in times.items() if seconds > 0}


def test_a_second_is_shared_by_who_used_the_processors_and_the_rest_was_waited() -> None:
    two = [sample(10, 100, 100), sample(12, 250, 150, VMS=100, OURS=50)]
    assert rounded(shares(two)) == {"VMS": 1.0, "OURS": 0.5, "NOBODYS": 0.5}


def test_what_the_machine_used_and_nobody_is_known_to_have_is_others() -> None:
    two = [sample(10, 0, 0), sample(11, 80, 20, HOST=20)]
    assert rounded(shares(two)) == {"HOST": 0.2, "OTHERS": 0.6, "NOBODYS": 0.2}


def test_the_shares_make_up_the_time_also_where_accounts_differ() -> None:
    """A process may be credited a tick before the machine is, and there may be no ticks at all."""
    samples = [
        sample(0, 0, 0),
        sample(1, 90, 20, VMS=100),
        sample(3, 90, 20, VMS=100),
        sample(4, 95, 19, VMS=100),
    ]
    assert rounded(shares(samples)) == {"VMS": 0.833, "OTHERS": 1.0, "NOBODYS": 2.167}


def test_each_slice_belongs_to_the_check_whose_turn_it_was() -> None:
    samples = [sample(n, 10 * n, 0, VMS=10 * n) for n in range(6)]
    found = by_span(samples, [Span("a", 1.0, 2.0), Span("b", 3.0, 1.0)])
    assert {name: rounded(times) for name, times in found.items()} == {
        "": {"VMS": 2.0},
        "a": {"VMS": 2.0},
        "b": {"VMS": 1.0},
    }


@pytest.mark.parametrize(
    ("suite_is_us", "leader_is_us", "whose"),
    [(True, False, Whose.OURS), (False, True, Whose.HOST), (False, False, Whose.OTHERS)],
)
def test_a_process_that_computes_is_known_by_whom_it_is_below(
    *, suite_is_us: bool, leader_is_us: bool, whose: Whose
) -> None:
    looker = Looker(os.getpid() if suite_is_us else -1, os.getpid() if leader_is_us else -1)
    first = looker.look()
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            wait_until(
                lambda: looker.look().used.get(whose, 0) - first.used.get(whose, 0) >= 5,
                what="it is seen to compute",
                timeout_s=GENEROUS_S,
            )
            then = looker.look()
        finally:
            busy.kill()
    assert then.busy > first.busy
    if whose is not Whose.OURS:
        assert then.used.get(Whose.OURS, 0) == first.used.get(Whose.OURS, 0)
