"""However much a run has to tell: it is told by its first part, and by how much more there is."""

from __future__ import annotations

import pytest

from harness.verdict.bounds import MOST_ENTRIES, MOST_LINES, bounded, json_text
from harness.verdict.outcome import Outcome
from harness.verdict.report import rendered
from tests.unit.peers.small_suite import Suite
from tests.unit.verdict.test_report import result, run_of

pytest_plugins = ["pytester"]


def test_a_value_that_doubles_at_each_step_comes_to_an_end() -> None:
    """Sixty lists, and as many texts in them as nobody can write down."""
    value: object = "x"
    for _ in range(60):
        value = [value, value]
    assert len(json_text({"before": 1, "value": value})) < 50_000_000


BIG = "\n".join(f"line {n} of trouble, in some words that go on" for n in range(100_000))


def test_a_hundred_thousand_lines_are_told_by_the_first_and_their_number(suite: Suite) -> None:
    """On the terminal, in JUnit's file and in verdict.json; all of them are in the evidence."""
    suite.write(
        "import sys\nBIG = '\\n'.join(f'line {n} of trouble' for n in range(100_000))\n"
        "@check()\ndef test_raises(advice):\n"
        "    for n in range(5_000): advice(BIG[:1000])\n"
        "    raise VmError(BIG, hint=BIG)\n"
        "@check()\ndef test_asserts(): assert not BIG, BIG\n"
    )
    report = suite.root / "junit.xml"
    ended = suite.run(f"--junitxml={report}", apart=True)
    assert ended.status == 1
    assert len(ended.output) < 100_000
    assert report.stat().st_size < 100_000
    assert "… and 99800 more lines" in report.read_text()
    assert "… and 4900 more" in ended.output
    seen = {check["name"]: check["seen"].split("\n") for check in ended.verdict["checks"]}
    assert [len(lines) for lines in seen.values()] == [MOST_LINES + 1] * 2
    assert ended.verdict["left_out"] == {"advice": 5000 - MOST_ENTRIES}
    kept = suite.root / "evidence" / "latest" / "host.asserts" / "traceback-call.txt"
    assert "line 99999 of trouble" in kept.read_text()


@pytest.mark.parametrize(
    "verdict",
    [
        run_of(trouble=[(Outcome.BROKEN, BIG)]),
        run_of(trouble=[(Outcome.BROKEN, line) for line in BIG.split("\n")]),
        run_of(result("a", Outcome.BROKEN, seen=BIG, hint=BIG, where=BIG)),
        run_of(trouble=[(Outcome.BROKEN, BIG.replace("\n", " "))]),
        run_of(advice=[("a", "-x" * 2_000_000)], leftovers=["\t " * 2_000_000]),
    ],
    ids=["lines", "entries", "check", "one line", "one word"],
)
def test_the_terminal_is_given_little_of_much(verdict: object) -> None:
    assert len(rendered(verdict, width=80, colour=True, verbose=True)) < 100_000  # type: ignore[arg-type]


def test_a_text_is_bounded_by_lines_and_by_characters() -> None:
    assert bounded("a\nb\nc", lines=3) == "a\nb\nc"
    assert bounded("a\nb\nc\n", lines=2) == "a\nb\n… and 2 more lines"
    assert bounded("x" * 200_007).endswith("x… and 7 more characters")
