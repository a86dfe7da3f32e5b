"""The turns of a soak follow from its seed."""

from __future__ import annotations

from collections import Counter

from bench.soak.plan import Victim, schedule
from tests.unit.bench.accounts import ORDER

LARGE = ORDER.model_copy(update={"runs": 60, "smoke": 20, "kills": 40})


def test_it_comes_again_and_is_another_with_another_seed() -> None:
    assert schedule(LARGE) == schedule(LARGE)
    assert schedule(LARGE) != schedule(LARGE.model_copy(update={"seed": 8}))


def test_all_that_was_ordered_is_in_it_in_one_row() -> None:
    turns = schedule(LARGE)
    assert [one.number for one in turns] == list(range(1, 121))
    assert Counter((one.scope, one.loaded) for one in turns if one.victim is None) == {
        ("acceptance", True): 30,
        ("acceptance", False): 30,
        ("smoke", True): 10,
        ("smoke", False): 10,
    }


def test_everyone_is_killed_as_often_and_at_any_moment() -> None:
    kills = [one for one in schedule(LARGE) if one.victim]
    assert {one.scope for one in kills} == {"smoke"}
    assert sorted(Counter(one.victim for one in kills).values()) == [13, 13, 14]
    assert {one.victim for one in kills} == set(Victim)
    quarters = Counter(int(one.moment * 4) for one in kills)
    assert set(quarters) == {0, 1, 2, 3}


def test_a_single_kill_may_be_anyones() -> None:
    singles = [schedule(ORDER.model_copy(update={"seed": seed, "kills": 1})) for seed in range(30)]
    assert {one.victim for turns in singles for one in turns if one.victim} == set(Victim)


def test_kinds_of_turns_take_turns() -> None:
    """Kills that all came last would leave nothing to find after them."""
    kills = [one.number for one in schedule(LARGE) if one.victim]
    assert min(kills) < 20
    assert max(kills) > 100
    assert max(kills) - min(kills) >= 2 * len(kills)


def test_without_load_none_is_loaded() -> None:
    assert not any(one.loaded for one in schedule(LARGE.model_copy(update={"load": False})))
