"""The course of a soak, on a stage that does as it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.soak.account import Account, Run, Strike
from bench.soak.course import FIRST_GUESS_S, TRIES, go_on, usual_s
from bench.soak.journal import begun, resumed
from bench.soak.plan import Turn, schedule
from bench.soak.seen import Seen
from harness.errors import UsageError
from tests.unit.bench.accounts import ORDER, account, seen

TURNS = schedule(ORDER)


@dataclass
class Stage:
    """What happens on it, by turn; all passes, and nothing is left, where nothing else is said."""

    outcomes: dict[int, str] = field(default_factory=dict)
    left: dict[int, frozenset[str]] = field(default_factory=dict)
    too_late: int = 0
    host: str = "1 1"
    interrupted_in: int = 0
    played: list[int] = field(default_factory=list)
    struck: list[tuple[int, float]] = field(default_factory=list)
    rows: frozenset[str] = frozenset()

    def run(self, turn: Turn) -> Run:
        if turn.number == self.interrupted_in:
            raise KeyboardInterrupt
        self.played.append(turn.number)
        self.rows |= self.left.get(turn.number, frozenset())
        return Run(outcome=self.outcomes.get(turn.number, "PASS"), seconds=100)

    def strike(self, turn: Turn, after_s: float) -> tuple[Strike | None, float]:
        self.struck.append((turn.number, after_s))
        if len(self.struck) <= self.too_late:
            return None, 10.0
        return Strike(pid=1, after_s=after_s, outcome="BROKEN"), 50.0

    def look(self, known: Callable[[Seen], object]) -> Seen:
        found = seen(rows=self.rows).model_copy(update={"host": self.host})
        known(found)
        return found


def soak(file: Path, stage: Stage) -> list[Account]:
    told: list[Account] = []
    with begun(file, ORDER) as journal:
        go_on(journal, stage, told.append)
    return told


def test_every_turn_is_played_in_its_order_and_told(tmp_path: Path) -> None:
    stage = Stage()
    told = soak(tmp_path / "j", stage)
    assert stage.played == [one.number for one in TURNS] == [one.turn for one in told]
    assert [number for number, _ in stage.struck] == [one.number for one in TURNS if one.victim]
    assert not any(one.is_false_alarm or one.leaks for one in told)
    assert [bool(one.strike) for one in told] == [bool(one.victim) for one in TURNS]


def test_a_run_that_must_pass_and_does_not_is_a_false_alarm(tmp_path: Path) -> None:
    told = soak(tmp_path / "j", Stage(outcomes={2: "NOT PROVEN"}))
    assert [one.turn for one in told if one.is_false_alarm] == [2]


def test_a_leak_is_told_of_the_turn_that_left_it_alone(tmp_path: Path) -> None:
    told = soak(tmp_path / "j", Stage(left={2: frozenset({"row a"}), 4: frozenset({"row b"})}))
    assert {one.turn: dict(one.leaks) for one in told if one.leaks} == {2: {"row a": ""}, 4: {"row b": ""}}


def test_it_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    first, second = Stage(interrupted_in=4, left={2: frozenset({"row a"})}), Stage(rows=frozenset({"row a"}))
    with pytest.raises(KeyboardInterrupt):
        soak(tmp_path / "j", first)
    with resumed(tmp_path / "j") as journal:
        go_on(journal, second, lambda _: None)
        accounts = list(journal.accounts)
    assert first.played + second.played == [one.number for one in TURNS]
    assert [one.turn for one in accounts if one.leaks] == [2]


def test_it_is_held_against_the_first_look_unless_the_host_was_booted_since(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        soak(tmp_path / "j", Stage(interrupted_in=3))
    with resumed(tmp_path / "j") as journal, pytest.raises(KeyboardInterrupt):
        go_on(journal, Stage(interrupted_in=5), lambda _: None)
    with resumed(tmp_path / "j") as journal:
        go_on(journal, Stage(host="2 2"), lambda _: None)
        assert journal.before is not None
        assert journal.before.host == "2 2"
    assert (tmp_path / "j").read_text().count('"before"') == 2


def test_a_lab_in_use_is_not_soaked(tmp_path: Path) -> None:
    stage = Stage(rows=frozenset({"row vm-1 (running)"}))
    with pytest.raises(UsageError, match=r"in use.*row vm-1"):
        soak(tmp_path / "j", stage)
    assert stage.played == []
    assert not (tmp_path / "j").exists()


def test_who_was_killed_too_late_is_killed_earlier(tmp_path: Path) -> None:
    stage = Stage(too_late=1)
    told = soak(tmp_path / "j", stage)
    (first, late), (second, earlier), *_ = stage.struck
    assert first == second
    assert earlier == min(late, 10.0) / 2
    assert all(one.strike for one in told if one.victim)


def test_it_is_told_that_nobody_could_be_killed(tmp_path: Path) -> None:
    told = soak(tmp_path / "j", Stage(too_late=TRIES))
    assert [bool(one.strike) for one in told if one.victim] == [False, True, True]


def test_the_moment_goes_by_what_runs_take_here() -> None:
    assert usual_s([]) == FIRST_GUESS_S
    assert usual_s([account(10), account(12), account(90, "FAIL")]) == 111.0
