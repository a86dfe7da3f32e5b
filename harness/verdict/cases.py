"""The checklist as test cases, for readers who know nothing but those: red wherever the exit status is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.verdict.outcome import CheckResult, ItemVerdict, Outcome, RunVerdict
from harness.verdict.report import one_line
from harness.verdict.told import told_verdict

PASSED, FAILURE, ERROR, SKIPPED = "passed", "failure", "error", "skipped"
WAIVED = "waived"
"""JUnit has no word for it, and calls it skipped."""
_KINDS = {Outcome.PASS: PASSED, Outcome.FAIL: FAILURE, Outcome.WAIVED: WAIVED}
_MOST = 20  # names of checks


@dataclass(frozen=True)
class Case:
    """One test case, by the words of JUnit."""

    name: str
    kind: str
    message: str = ""


def cases_of(verdict: RunVerdict | None, *, exit_status: int) -> list[Case]:
    """One for each item of the checklist, and one for the run; none where nothing was judged, or to be."""
    if verdict is None:
        text = f"no verdict: the run ended with exit status {exit_status}"
        return [Case("VERDICT", ERROR, text)] if exit_status else []
    told = told_verdict(verdict)
    return [*map(_item, told.items), _run(told, exit_status)]


def _item(item: ItemVerdict) -> Case:
    if item.outcome is Outcome.PASS:
        return Case(item.item.text, PASSED)
    text = "\n".join([f"{item.outcome.value}: {item.reason}".rstrip(": "), *_not_passed(item)])
    if item.outcome is Outcome.NOT_PROVEN and not item.in_scope:
        return Case(item.item.text, SKIPPED, text if item.results else item.reason)
    return Case(item.item.text, _KINDS.get(item.outcome, ERROR), text)


def _not_passed(item: ItemVerdict) -> Iterator[str]:
    passed = (Outcome.PASS, Outcome.NOT_APPLICABLE)
    names = [f"{_told(one)}: {one.check.name}" for one in item.results if one.outcome not in passed]
    yield from names[:_MOST]
    if len(names) > _MOST:
        yield f"… and {len(names) - _MOST} more"


def _told(result: CheckResult) -> str:
    if result.outcome is Outcome.WAIVED and result.waiver:
        return f"WAIVED until {result.waiver.until} ({result.waiver.whose})"
    if result.behind:
        return f"{result.outcome.value}, behind {result.behind}"
    return f"ADVISORY ({result.found.value})" if result.found else result.outcome.value


def _run(verdict: RunVerdict, exit_status: int) -> Case:
    lines = [
        one_line(verdict),
        *(f"{outcome.value}: {text}" for outcome, text in list(verdict.trouble)[:_MOST]),
        *(f"narrowed: {text}" for text in verdict.scope.narrowed),
    ]
    if exit_status == 0 and verdict.waivers:
        return Case("VERDICT", WAIVED, one_line(verdict))
    if exit_status == 0:
        return Case("VERDICT", PASSED)
    if verdict.outcome is Outcome.PASS:  # something else has turned the status
        return Case("VERDICT", ERROR, "\n".join([*lines, f"the run ended with exit status {exit_status}"]))
    return Case("VERDICT", _KINDS.get(verdict.outcome, ERROR), "\n".join(lines))
