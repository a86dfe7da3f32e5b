"""The table of a soak."""

from __future__ import annotations

import io

from rich.console import Console

from bench.soak.plan import Victim
from bench.soak.table import show
from tests.unit.bench.accounts import ORDER, account


def shown(*accounts: object) -> str:
    text = io.StringIO()
    show(ORDER, accounts, 9, Console(file=text, width=200))  # type: ignore[arg-type] # they are
    return text.getvalue()


def test_it_has_a_row_a_kind_with_what_is_known_of_the_next_run() -> None:
    text = shown(account(1), account(2), account(3, victim=Victim.CONTROLLER))
    assert "soak with seed 7: 3 of 9 turns" in text
    row = next(line for line in text.splitlines() if "acceptance, quiet" in line)
    assert [cell.strip() for cell in row.split("│")[2:6]] == ["2", "2", "0", "0.0 to 65.8 %"]
    assert "acceptance, after SIGKILL of the controller" in text


def test_each_false_alarm_and_leak_is_named_with_its_evidence() -> None:
    red = account(2, "FAIL", leaks={"tap [acc0]": "of [nobody]"})
    red = red.model_copy(update={"run": red.run.model_copy(update={"red": ("host.clock FAIL",)})})
    text = shown(account(1), red)
    assert "turn 2: FAIL: host.clock FAIL" in text
    assert "see /soak/2" in text
    assert "turn 2: left: tap [acc0] (of [nobody])" in text


def test_the_most_descriptors_that_were_gained_are_told() -> None:
    some = [account(n).model_copy(update={"gained": {"a.service: a": n}}) for n in (1, 3, 2)]
    assert "a.service: a had at most 3 more" in shown(*some)
    assert "descriptors" not in shown(account(1))


def test_before_the_first_turn_there_is_a_table_too() -> None:
    assert "0 of 9 turns" in shown()
