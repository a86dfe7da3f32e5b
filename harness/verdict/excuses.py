"""What is to be said of the terms on which checks count: what ends soon, has ended, or excuses nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from harness.verdict.outcome import CheckResult, Outcome, Scope
from harness.verdict.terms import Terms, Waiver

_PASSES = {Outcome.PASS, Outcome.NOT_APPLICABLE}


def hint_of(result: CheckResult, now: datetime) -> str:
    """What to do next about a FAIL whose waiver counts no more; nothing about any other."""
    waiver = result.waiver
    if result.outcome is not Outcome.FAIL or waiver is None or waiver.holds(now):
        return ""
    return f"its waiver ended with {waiver.until}: mend it, or agree on another day with {waiver.whose}"


def advice_of(
    results: Sequence[CheckResult], terms: Terms, scope: Scope, now: datetime
) -> Iterator[tuple[str, str]]:
    """What changes no outcome of this run, but will of a later one, or is there for nothing."""
    for result in results:
        if result.outcome is Outcome.WAIVED and result.waiver and (soon := result.waiver.warning(now)):
            yield (
                result.check.name,
                f"its waiver {soon} ({result.waiver.until}, {result.waiver.whose}): it is a FAIL then",
            )
    for waiver in terms.waivers:
        mine = [one for one in results if terms.waiver_of(one.check.name) is waiver]
        if mine and (scope.is_whole or _is_itself(waiver, mine)) and (why := _is_for_nothing(mine)):
            yield waiver.check, f"{why}: remove its waiver (until {waiver.until}, {waiver.whose})"


def _is_itself(waiver: Waiver, results: Sequence[CheckResult]) -> bool:
    """Whether it names one check, and not all rows of one, of which more may be asked in another run."""
    return [one.check.name for one in results] == [waiver.check]


def _is_for_nothing(results: Sequence[CheckResult]) -> str:
    outcomes = {one.outcome for one in results}
    if outcomes == {Outcome.NOT_APPLICABLE}:
        return "it cannot apply here"
    if outcomes <= _PASSES:
        return "it passes"
    return "it is advisory" if all(one.advisory for one in results) else ""
