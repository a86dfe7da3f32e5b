"""What changed since the last run: which one that is, what is new, fixed and still so, which numbers grew."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from harness.verdict.document import SincePart
from harness.verdict.past import Past, past_of
from harness.verdict.ranks import p_value
from harness.verdict.since import FEWEST, changes, since_last, trend, trends, unsteady
from harness.verdict.told_since import heading, lines
from tests.unit.peers.verdicts import BEGAN, document

OLD = {"snapshot disk": "e" * 64, "snapshot memory": "2" * 64, "host": "a" * 64, "profile": "d" * 64}
NEW = {**OLD, "snapshot disk": "f" * 64}


def run(number: int, checks: dict[str, str] | None = None, **changes: Any) -> Past:
    """One of a row of whole runs, a day apart."""
    outcomes = checks or {}
    past = past_of(document(run=f"{number:06x}")).model_copy(
        update={
            "began": BEGAN + timedelta(days=number),
            "whole": True,
            "subject": OLD,
            "checks": {name: (outcome, 1.0) for name, outcome in outcomes.items()},
        }
    )
    failing = {name: (past.run, past.began) for name, one in outcomes.items() if one not in ("PASS", "n/a")}
    return past.model_copy(update={"failing": failing, **changes})


def names(since: SincePart) -> dict[str, list[str]]:
    return {word: [one.check for one in getattr(since, word)] for word in ("new", "fixed", "still", "gone")}


def test_each_way_a_check_can_change() -> None:
    before = run(1, {"a": "PASS", "b": "FAIL", "c": "FAIL", "d": "BROKEN", "e": "FAIL", "f": "n/a"})
    now = run(
        2, {"a": "FAIL", "b": "PASS", "c": "BROKEN", "e": "n/a", "f": "NOT PROVEN", "g": "FAIL", "h": "PASS"}
    )
    since = changes(now, before)
    assert names(since) == {"new": ["a", "f", "g"], "fixed": ["b"], "still": ["c"], "gone": ["d", "e"]}
    assert [(one.before, one.outcome) for one in (*since.still, *since.gone)] == [
        ("FAIL", "BROKEN"),
        ("BROKEN", ""),
        ("FAIL", "n/a"),
    ]
    assert {one.run for one in since.still} == {"000001"}
    assert {one.run for one in since.new} == {"000002"}


def test_since_when_is_handed_on_from_run_to_run() -> None:
    """Also where the first run is long gone from the history."""
    first = past_of(document(run="000001"))
    check = document().checks[0].model_copy(update={"outcome": "FAIL"})
    red = document(checks=[check.model_dump(mode="json")])
    remembered = first
    for number in range(2, 6):
        now = past_of(red.model_copy(update={"run": f"{number:06x}"}))
        since = since_last(now, [remembered])
        remembered = past_of(red.model_copy(update={"run": now.run, "since": since}))
    assert [(one.run, one.outcome) for one in since.still] == [("000002", "FAIL")]


NOT_THE_LAST = {
    "of another site": {"site": "there"},
    "of another host": {"host": "192.0.2.9"},
    "of another scope": {"scope": "smoke"},
    "narrowed, or cut short": {"whole": False},
    "the run itself": {"run": "000009"},
}


@pytest.mark.parametrize("otherwise", NOT_THE_LAST.values(), ids=NOT_THE_LAST.keys())
def test_a_run_is_held_against_none_that_was_asked_something_else(otherwise: dict[str, Any]) -> None:
    now = run(9, {"a": "FAIL"})
    assert since_last(now, [run(8, {"a": "PASS"}, **otherwise), run(7, {"a": "FAIL"})]).run == "000007"
    alone = since_last(now, [run(8, {"a": "PASS"}, **otherwise)])
    assert (alone.run, alone.why) == ("", "no earlier run of this site and scope is known")


CUT: dict[str, dict[str, Any]] = {
    "narrowed": {"scope": {"name": "acceptance", "narrowed": ["-k"]}},
    "a part": {"scope": {"name": "partial", "narrowed": []}},
    "interrupted": {"exit_status": 2},
    "not reached": {"checks": [{**document().checks[0].model_dump(mode="json"), "seen": "it did not run"}]},
}


@pytest.mark.parametrize("changed", CUT.values(), ids=CUT.keys())
def test_a_run_that_was_cut_short_is_held_against_nothing(changed: dict[str, Any]) -> None:
    now = past_of(document(**changed))
    assert not now.whole
    since = since_last(now, [run(1)])
    assert (since.run, bool(since.why)) == ("", True)


def measured(number: int, restore: float, **changes: Any) -> Past:
    one = run(number, **changes)
    return one.model_copy(update={"measured": one.measured.model_copy(update={"restore_healthy_s": restore})})


FAST, SLOW = [0.30, 0.31, 0.29, 0.33, 0.28], [0.60, 0.61, 0.59, 0.58, 0.63]


def held(before: list[float], now: list[float], **changes: Any) -> list[str]:
    old = [measured(number, value) for number, value in enumerate(before)]
    new = [measured(90 + number, value, subject=NEW, **changes) for number, value in enumerate(now)]
    return [one.change for one in trends(new[-1], [*reversed(new[:-1]), *reversed(old)])]


def test_a_snapshot_that_is_slower_is_told_by_its_runs() -> None:
    assert held(FAST, SLOW) == ["worse"]
    assert held(SLOW, FAST) == ["better"]
    assert held(FAST, FAST) == ["none"]


@pytest.mark.parametrize("fewer", range(1, FEWEST))
def test_nothing_is_told_by_a_few_samples(fewer: int) -> None:
    assert held(FAST, SLOW[:fewer]) == []
    assert held(FAST[:fewer], SLOW) == []


def test_one_slow_run_makes_no_slow_snapshot() -> None:
    assert held(FAST, [*FAST[:4], 9.0]) == ["none"]


def test_what_is_certain_and_tiny_is_not_told() -> None:
    assert held(FAST, [one + 0.02 for one in (0.30, 0.31, 0.29, 0.33, 0.31)]) == ["none"]


def test_numbers_of_another_machine_do_not_count() -> None:
    assert held(FAST, SLOW, suite_machine="b" * 64) == ["worse"]  # of the earlier ones it is not known
    old = [measured(number, value, suite_machine="c" * 64) for number, value in enumerate(FAST)]
    new = [
        measured(90 + number, value, subject=NEW, suite_machine="b" * 64) for number, value in enumerate(SLOW)
    ]
    assert [*trends(new[0], [*new[1:], *old])] == []


def test_a_snapshot_that_is_not_known_tells_nothing() -> None:
    unknown = {**OLD, "snapshot disk": None}
    runs = [measured(number, 0.3, subject=unknown) for number in range(12)]
    assert [*trends(runs[0], runs[1:])] == []


def by_hand(one: list[float], other: list[float]) -> float:
    """Every way to deal the numbers out, one by one."""
    both = [*one, *other]
    rank = {value: sum(2 * (x < value) + (x == value) for x in both) + 1 for value in both}
    middle = len(one) * (len(both) + 1)
    seen = abs(sum(rank[value] for value in one) - middle)
    dealt = [
        sum(rank[both[i]] for i in chosen) for chosen in itertools.combinations(range(len(both)), len(one))
    ]
    return sum(abs(total - middle) >= seen for total in dealt) / len(dealt)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2, 3], [4, 5, 6]),
        ([1, 1, 2], [1, 2, 2, 3]),
        ([5, 5, 5], [5, 5]),
        ([1, 9, 2, 8], [3, 3, 7, 7, 5]),
        ([1.5], [0.5, 2.5, 3.5]),
    ],
)
def test_the_rank_test_counts_as_one_counts_by_hand(one: list[float], other: list[float]) -> None:
    assert p_value(one, other) == pytest.approx(by_hand(one, other))
    assert p_value(one, other) == pytest.approx(p_value(other, one))


def test_the_rank_test_says_what_its_tables_say() -> None:
    """Five against five, wholly apart: two of the 252 ways."""
    assert p_value(FAST, SLOW) == pytest.approx(2 / 252)


def test_a_check_is_unsteady_where_no_digest_changed() -> None:
    steady = [run(1, {"a": "PASS", "b": "FAIL"}), run(2, {"a": "PASS", "b": "FAIL"})]
    assert unsteady(reversed(steady)) == {}
    shaky = [*steady, run(3, {"a": "FAIL", "b": "FAIL"}), run(4, {"a": "PASS", "b": "FAIL"})]
    assert unsteady(reversed(shaky)) == {"a": 2}
    mended = [*steady, run(3, {"a": "FAIL", "b": "PASS"}, subject=NEW)]
    assert unsteady(reversed(mended)) == {}
    unknown = {**OLD, "host": None}
    assert unsteady([run(2, {"a": "FAIL"}, subject=unknown), run(1, {"a": "PASS"}, subject=unknown)]) == {}


def test_it_is_told_in_a_few_lines() -> None:
    many = {f"host.c{number:02}": "BROKEN" for number in range(40)}
    before = run(1, {"a": "FAIL", "b": "FAIL", **dict.fromkeys(many, "PASS")})
    since = changes(run(2, {"a": "FAIL", "b": "PASS", **many}), before)
    told = lines(since)
    assert heading(since) == "Since the last run (000001 of 2026-02-01 12:00 UTC: PASS)"
    assert told == [
        "new (PASS before, now BROKEN): host.c00, host.c01, host.c02 and 37 more",
        "fixed (FAIL before, now PASS): b",
        "still FAIL since run 000001 of 2026-02-01T12:00:00.000Z: a",
    ]
    slower = since.model_copy(update={"trends": [trend("restore_healthy_s", FAST, SLOW)]})
    assert lines(slower)[-1] == (
        "restore to healthy: slower than on the snapshot before: 0.60 s, was 0.30 s "
        "(medians of 5 and 5 runs, p = 0.0079)"
    )
    assert lines(changes(run(2, {"a": "PASS"}), run(1, {"a": "PASS"}))) == []
