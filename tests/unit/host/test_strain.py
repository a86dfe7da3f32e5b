"""What the kernel says of a machine's strain, and when it is worth a word."""

from __future__ import annotations

import time

import pytest

from harness.host.strain import READ, Strain, read_pressure
from harness.run import run

LINE = "{what}:some avg10=0.00 avg60={minute} avg300=0.00 total={total}\n"


def said(cpu: float, total_s: float = 0, io: float = 0.0) -> str:
    """As ``grep`` prints it."""
    return LINE.format(what="cpu", minute=f"{cpu:.2f}", total=int(total_s * 1e6)) + LINE.format(
        what="io", minute=f"{io:.2f}", total=0
    )


def told(*answers: str) -> str:
    """What is said at the last answer, the first being the run's beginning."""
    rest = iter(answers)
    return Strain(lambda: next(rest)).told()


def test_the_kernel_of_this_machine_is_understood() -> None:
    text = run(["sh", "-c", READ], timeout_s=60).stdout
    assert set(read_pressure(text)) in ({"cpu", "io", "memory"}, set()), text


@pytest.mark.parametrize("text", ["", "grep: cpu: Operation not supported", LINE, "cpu:some avg60=x total=y"])
def test_a_kernel_that_keeps_no_account_is_not_starved(text: str) -> None:
    assert told(text, text) == ""


def test_a_machine_at_ease_is_not_worth_a_word() -> None:
    assert told(said(3, 100), said(20, 100)) == ""


def test_a_machine_that_is_short_of_something_now_says_of_what() -> None:
    assert told(said(0, 100), said(91, 100, io=40)) == (
        "tasks waited for a processor 0 % of the time since the run began, 91 % of the last minute; "
        "tasks waited for a disk 0 % of the time since the run began, 40 % of the last minute"
    )


def test_a_machine_that_was_short_of_it_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Since the run began, and not since it was booted."""
    now = iter([1000.0, 1100.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    assert told(said(0, 5000), said(2, 5064)) == (
        "tasks waited for a processor 64 % of the time since the run began, 2 % of the last minute"
    )
