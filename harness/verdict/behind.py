"""Consequences are no findings: what a check comes to where the claim of another, its premise, does not hold.

A check declares its premises. That one of them is why it could not tell, or why its own claim does not hold,
is said by what it raised, or by the declaration; it is never read from a text. What it then comes to is known
once its premises have been asked, which may be after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from harness.check_names import GUESTS, names_of
from harness.verdict.outcome import BY_WEIGHT, CUT_SHORT, UNASKED, Check, Outcome, Premise


class Reading(NamedTuple):
    """One phase of a check: outcome, what was seen, and what our own trouble says to do next."""

    outcome: Outcome
    seen: str = ""
    hint: str = ""
    because: tuple[str, ...] = ()
    """Checks of which it said by itself that their claims do not hold, and that this is why."""
    could_not_ask: bool = False
    """Whether it is an error of ours that says so, and no fault of the suite."""
    behind: str = ""
    """The check whose consequence it is."""


Phases = Sequence[tuple[str, Reading]]
"""Setup, call and teardown of each try."""


def summed(phases: Phases) -> Reading:
    """The worst of all counts, and only a finished call makes a PASS."""
    if not phases:
        return Reading(Outcome.NOT_PROVEN, UNASKED)
    bad = [reading for _, reading in phases if reading.outcome is not Outcome.PASS]
    if bad:
        return min(bad, key=lambda reading: BY_WEIGHT.index(reading.outcome))
    if any(when == "call" for when, _ in phases):
        return Reading(Outcome.PASS)
    return Reading(Outcome.NOT_PROVEN, CUT_SHORT)


class Consequences:
    """What the checks of a run come to, by what is known of all of them so far."""

    def __init__(
        self, checks: Iterable[Check], phases: Mapping[str, Phases], counts: Callable[[str], bool]
    ) -> None:
        """
        :param phases: by the check's node; may grow.
        :param counts: whether a FAIL of the check with that node counts, by the terms of the site.
        """
        self._phases = phases
        self._counts = counts
        self._checks = {check.node: check for check in checks}
        self._named: dict[str, list[Check]] = {}
        for check in self._checks.values():
            for name in names_of(check.name):
                self._named.setdefault(name, []).append(check)

    def phases(self, node: str) -> Phases:
        """What each phase of one check comes to."""
        return [(when, self.of_phase(node, when, reading)) for when, reading in self._phases[node]]

    def of_phase(self, node: str, when: str, reading: Reading) -> Reading:
        """What one phase of it comes to."""
        return self._read(self._checks[node], when, reading, frozenset({node}))

    def _of(self, check: Check, above: frozenset[str]) -> Reading:
        """
        :param above: those that asked for it: no declaration may lead back to one, and none does so for ever.
        """
        phases = self._phases[check.node]
        if check.node in above:
            return summed(phases)
        above |= {check.node}
        return summed([(when, self._read(check, when, reading, above)) for when, reading in phases])

    def _read(self, check: Check, when: str, reading: Reading, above: frozenset[str]) -> Reading:
        if when == "teardown" or not check.premises:
            return reading
        if reading.outcome is Outcome.FAIL:
            return self._failed(check, reading, above)
        if reading.outcome is Outcome.BROKEN and reading.could_not_ask:
            return self._broken(check, reading, above)
        return reading

    def _failed(self, check: Check, reading: Reading, above: frozenset[str]) -> Reading:
        """A claim that does not hold is a consequence only where its premise was seen not to hold, too.

        And only where that is a finding, or behind one: else no FAIL would be left.
        """
        for premise in check.premises:
            if premise.explains or premise.check in reading.because:
                for one in self._rows(premise, check):
                    if self._outcome(one) is Outcome.FAIL and self._is_found(one, above):
                        return self._behind(one, reading, above)
        return reading

    def _is_found(self, check: Check, above: frozenset[str]) -> bool:
        return self._counts(check.node) or bool(self._of(check, above).behind)

    def _broken(self, check: Check, reading: Reading, above: frozenset[str]) -> Reading:
        """What could not be asked: its own word why counts, whatever the premise came to but a PASS."""
        unasked = ""
        for premise in check.premises:
            said = premise.check in reading.because
            if not said and (reading.because or not premise.explains_trouble):
                continue
            rows = self._rows(premise, check)
            if said and not rows:
                unasked = unasked or premise.check
            for one in rows:
                outcome = self._outcome(one)
                found = outcome is Outcome.FAIL or bool(self._of(one, above).behind)
                if found or (said and outcome is not Outcome.PASS):
                    return self._behind(one, reading, above)
        if unasked:
            hint = f"ask {unasked}, too: it was not asked in this run"
            return reading._replace(outcome=Outcome.NOT_PROVEN, behind=unasked, hint=hint)
        return reading

    def _behind(self, premise: Check, reading: Reading, above: frozenset[str]) -> Reading:
        """Behind the premise, or what that itself is behind: of a chain only the root is told."""
        root = self._of(premise, above).behind or premise.name
        return reading._replace(outcome=Outcome.NOT_PROVEN, behind=root, hint="")

    def _outcome(self, check: Check) -> Outcome:
        """What was seen of it, be it a consequence or not."""
        return summed(self._phases[check.node]).outcome

    def _rows(self, premise: Premise, check: Check) -> list[Check]:
        """The premise's rows that are meant: its like in a table of claims, or of the same guest; else all.

        What failed comes first.
        """
        rows = [one for one in self._named.get(premise.check, ()) if one.node != check.node]
        mine = rows_of(check.name, [one.name for one in rows])
        chosen = [one for one in rows if one.name in mine]
        return sorted(chosen, key=lambda one: self._outcome(one) is not Outcome.FAIL)


def rows_of(check: str, premises: Sequence[str]) -> Sequence[str]:
    """Of the rows of a premise those that are about what a check is about.

    >>> rows_of("guest.directive[golden-User]", ["guest.active[golden]", "guest.active[session]"])
    ['guest.active[golden]']
    >>> rows_of("session.leaves_nothing[denied]", ["session.fails[denied]", "session.fails[wrong]"])
    ['session.fails[denied]']
    """
    row = _row(check)
    guest = row.partition("-")[0]
    same = [name for name in premises if row and _row(name) == row]
    if not same and guest in GUESTS:
        same = [name for name in premises if _row(name).partition("-")[0] == guest]
    return same or premises


def _row(name: str) -> str:
    return name.removesuffix("]").partition("[")[2]


def circle(checks: Iterable[Check]) -> list[str]:
    """The first checks that are found to be behind one another, by their names without rows, or nothing."""
    behind: dict[str, dict[str, None]] = {}
    for check in checks:
        mine = behind.setdefault(check.name.partition("[")[0], {})
        mine.update(dict.fromkeys(one.check.partition("[")[0] for one in check.premises))
    return next((way for name in behind if (way := _back_to(name, behind))), [])


def _back_to(name: str, behind: Mapping[str, Iterable[str]]) -> list[str]:
    def ways(at: str, gone: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for premise in behind.get(at, ()):
            if premise == name:
                yield (*gone, premise)
            elif premise not in gone:
                yield from ways(premise, (*gone, premise))

    return list(next(ways(name, (name,)), ()))
