"""Counts, and Wilson's interval."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest

from bench.soak.plan import Victim
from bench.soak.tally import Row, rows, wilson
from tests.unit.bench.accounts import account


@pytest.mark.parametrize(("hits", "of"), [(0, 60), (0, 500), (1, 20), (5, 10), (20, 20), (299, 300)])
def test_at_both_ends_of_the_interval_what_was_seen_is_as_far_off_as_95_percent_are(
    hits: int, of: int
) -> None:
    """Which is how Wilson's interval is defined; an end that is 0 or 1 with what was seen is no such end."""
    deviations = NormalDist().inv_cdf(0.975)
    ends = [one for one in wilson(hits, of) if one != hits / of]
    assert len(ends) == (2 if 0 < hits < of else 1)
    for share in ends:
        off = abs(hits / of - share) / math.sqrt(share * (1 - share) / of)
        assert off == pytest.approx(deviations, abs=1e-4)


def test_of_60_runs_without_a_false_alarm_it_is_six_in_a_hundred_at_most() -> None:
    least, most = wilson(0, 60)
    assert (least, round(most, 4)) == (0.0, 0.0602)


def test_of_nothing_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_each_kind_is_counted_by_itself_and_all_together() -> None:
    known = [
        account(1),
        account(2, "FAIL"),
        account(3, victim=Victim.CUSTODIAN),
        account(4, victim=Victim.SUITE, leaks={"tap acc0": ""}),
    ]
    assert rows(known) == [
        Row("acceptance, quiet", 2, 1, 0),
        Row("acceptance, after SIGKILL of the suite", 1, 0, 1),
        Row("acceptance, after SIGKILL of the custodian", 1, 0, 0),
        Row("all", 4, 1, 1),
    ]


def test_who_was_not_killed_in_time_is_not_counted_as_killed() -> None:
    missed = account(1, victim=Victim.SUITE).model_copy(update={"strike": None})
    assert [one.what for one in rows([missed])] == [
        "acceptance, after no SIGKILL in time of the suite",
        "all",
    ]
