"""A run that asks again what an earlier one of the same left open, and both as one verdict.

Nothing is hidden by it: what each check came to before stays beside what it came to now, and a verdict that
is made of several runs says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.verdict.document import CheckPart, Document, EarlierPart
from harness.verdict.outcome import CheckResult, Outcome, Try

_ANSWERED = ("PASS", "n/a")


@dataclass(frozen=True)
class Earlier:
    """What there is of the run before, and of those that it was merged with itself."""

    document: Document

    @property
    def open(self) -> frozenset[str]:
        """The checks to ask again: whatever did not pass, also what was excused."""
        return frozenset(one.name for one in self.document.checks if one.outcome not in _ANSWERED)

    @property
    def runs(self) -> tuple[EarlierPart, ...]:
        """The runs, the first first."""
        last = self.document
        named = {name: getattr(last, name) for name in EarlierPart.model_fields}
        return (*last.merged, EarlierPart(**named))

    def refusal(self) -> str:
        """Why it cannot be run again in part; nothing where it can."""
        last = self.document
        if last.scope.narrowed:
            return f"run {last.run} did not ask everything itself"
        beside = [one for one in last.trouble if one.outcome != "NOT PROVEN"]
        if beside:
            return f"in run {last.run} something went wrong beside the checks: {beside[0].text}"
        return "" if self.open and last.outcome != "PASS" else f"run {last.run} left nothing open"

    def carry(self, result: CheckResult) -> bool:
        """Have a result be what the check came to then, where that is not to be asked again."""
        part = self._part(result.check.name)
        if part is None or part.outcome not in _ANSWERED:
            return False
        result.outcome, result.seen, result.seconds = Outcome(part.outcome), part.seen, part.seconds
        result.of_run = part.of_run or self.document.run
        result.tries = tuple(map(_try, part.tries))
        return True

    def remember(self, result: CheckResult) -> None:
        """Have a result that is to come know what the check came to before."""
        if part := self._part(result.check.name):
            now = Try(self.document.run, Outcome(part.found or part.outcome), part.seen, part.evidence)
            result.tries = (*map(_try, part.tries), now)

    def _part(self, name: str) -> CheckPart | None:
        return next((one for one in self.document.checks if one.name == name), None)


def _try(part: object) -> Try:
    said = vars(part)
    return Try(said["run"], Outcome(said["outcome"]), said["seen"], said["evidence"])


def newest(documents: Sequence[Document], site: str, scope: str) -> Document | None:
    """The verdict of the last run of a site that was asked the same."""
    mine = [one for one in documents if (one.site, one.scope.name) == (site, scope)]
    return max(mine, key=lambda one: one.ended, default=None)


def first_of(document: Document) -> tuple[datetime, datetime]:
    """When the first of its runs began and ended: as old as that is what it says."""
    first = document.merged[0] if document.merged else document
    return first.began, first.ended
