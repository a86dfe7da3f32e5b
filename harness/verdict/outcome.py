"""The verdict: what a check, a checklist item and a whole run come to. Values only; rendering is elsewhere.

A check is judged by the worst thing seen of it, an item by its checks, a run by the items in its scope and by
every check that was asked, so nothing that went wrong anywhere can end green.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from harness.verdict.about import About
from harness.verdict.checklist import CHECKLIST, Item, Step
from harness.verdict.document import EarlierPart, SincePart
from harness.verdict.terms import Waiver


class Outcome(enum.Enum):
    """PASS, or one of three ways not to; the others only where the site profile says so.

    WAIVED is a FAIL that does not count for now, ADVISORY whatever a check that decides nothing came to, if
    not to PASS. A run is never any of the three.
    """

    PASS = "PASS"  # noqa: S105 - not a password
    NOT_PROVEN = "NOT PROVEN"
    BROKEN = "BROKEN"
    FAIL = "FAIL"
    WAIVED = "WAIVED"
    ADVISORY = "ADVISORY"
    NOT_APPLICABLE = "n/a"

    @property
    def exit_status(self) -> int:
        """What a run with this outcome ends with."""
        return _EXIT_STATUS[self]


UNASKED = "it did not run"
"""What is seen of a check that was selected, and not reached."""
CUT_SHORT = "it did not run to its end"
_EXIT_STATUS = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.BROKEN: 3, Outcome.NOT_PROVEN: 5}
BY_WEIGHT = (
    *(Outcome.FAIL, Outcome.BROKEN, Outcome.NOT_PROVEN),
    *(Outcome.WAIVED, Outcome.ADVISORY, Outcome.NOT_APPLICABLE, Outcome.PASS),
)
"""The first of these that was seen decides."""
EXCUSED = (Outcome.WAIVED, Outcome.ADVISORY)
"""What did not pass, and turns nothing red."""
_DECIDE_NOTHING = {Outcome.ADVISORY, Outcome.NOT_APPLICABLE}
_HELD = (Outcome.PASS, Outcome.WAIVED)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome that decides; NOT PROVEN where there is none, or none that applies."""
    seen = set(outcomes) - _DECIDE_NOTHING
    return next((outcome for outcome in BY_WEIGHT if outcome in seen), Outcome.NOT_PROVEN)


@dataclass(frozen=True)
class Premise:
    """What a check takes for given: the claim of another."""

    check: str
    """Its name, or one that stands for several of its rows."""
    explains: bool = False
    """Whether a check whose claim does not hold is then no finding, whatever it said."""
    explains_trouble: bool = False
    """Whether one that could not be asked is so for that, whatever it said; else only where it said so."""


@dataclass(frozen=True)
class Check:
    """What a check declares of itself."""

    name: str
    node: str
    claim: str
    item: str
    proves: bool
    smoke: bool
    step: Step
    how: str
    premises: tuple[Premise, ...] = ()


@dataclass(frozen=True)
class Cause:
    """What a FAIL comes from, where a diagnosis was made; ``name`` is empty where it found none."""

    name: str
    text: str
    where: str = ""
    step: Step = "troubleshooting"
    how: str = ""


@dataclass(frozen=True)
class Try:
    """What a check came to in an earlier run, before it was asked again."""

    run: str
    outcome: Outcome
    seen: str
    evidence: str


@dataclass
class CheckResult:
    """What became of one check. ``seen`` is the short text, ``hint`` what our own trouble says to do next.

    ``found`` is what it came to in itself, where the site profile makes something else of that.
    """

    check: Check
    outcome: Outcome = Outcome.NOT_PROVEN
    seen: str = UNASKED
    hint: str = ""
    where: str = ""
    began: datetime | None = None
    seconds: float = 0.0
    evidence: str = ""
    behind: str = ""
    """The check whose consequence it is: what it saw is no finding."""
    found: Outcome | None = None
    waiver: Waiver | None = None
    """The one that the site profile has of it, whether it holds or not."""
    advisory: bool = False
    cause: Cause | None = None
    """Of a FAIL alone, excused or not. Where it has a name, ``where`` and what mends it are the cause's."""
    of_run: str = ""
    """The earlier run that it was asked in; nothing where it was asked in this one."""
    tries: tuple[Try, ...] = ()

    @property
    def mend(self) -> tuple[Step, str]:
        """The runbook's step, and what mends a FAIL."""
        named = self.cause is not None and self.cause.name
        return (
            (self.cause.step, self.cause.how) if self.cause and named else (self.check.step, self.check.how)
        )


@dataclass(frozen=True)
class ItemVerdict:
    """One line of the checklist, answered."""

    item: Item
    outcome: Outcome
    in_scope: bool
    reason: str
    results: tuple[CheckResult, ...]


@dataclass(frozen=True)
class Scope:
    """Which items a run must prove. ``narrowed`` says what kept a full run from asking everything."""

    name: str
    items: frozenset[str]
    narrowed: tuple[str, ...] = ()
    checklist: tuple[Item, ...] = CHECKLIST
    """The lines that are answered: the runbook's, and then the site's own."""

    @property
    def is_whole(self) -> bool:
        """Whether every check was asked."""
        return self.name == "acceptance" and not self.narrowed


_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class RunVerdict:
    """A whole run. ``trouble`` is what went wrong outside of any check, each with the outcome it forces."""

    scope: Scope
    items: tuple[ItemVerdict, ...]
    results: Sequence[CheckResult]
    trouble: Sequence[tuple[Outcome, str]] = ()
    advice: Sequence[tuple[str, str]] = ()
    leftovers: Sequence[str] = ()
    unwritten: Sequence[str] = ()
    """Files that could not be written, each with why; it changes no outcome."""
    facts: dict[str, str] = field(default_factory=dict)
    about: About | None = None
    """None where nothing is to be written of it."""
    lasted: tuple[datetime, datetime] = (_NEVER, _NEVER)
    """Begin and end."""
    since: SincePart = field(default_factory=SincePart)
    merged: Sequence[EarlierPart] = ()
    """Earlier runs that are in this verdict, too."""

    @property
    def outcome(self) -> Outcome:
        """The worst of the items in scope, of every check that ran, and of what went wrong beside them."""
        forced = [outcome for outcome, _ in self.trouble]
        if self.scope.narrowed:
            forced.append(Outcome.NOT_PROVEN)
        items = [verdict.outcome for verdict in self.items if verdict.in_scope]
        came_to = worst([*forced, *items, *(result.outcome for result in self.results)])
        return Outcome.PASS if came_to is Outcome.WAIVED else came_to

    @property
    def waivers(self) -> list[Waiver]:
        """Of each check that is WAIVED, the first that ends first."""
        waived = [one.waiver for one in self.results if one.outcome is Outcome.WAIVED and one.waiver]
        return sorted(waived, key=lambda one: one.until)


def judge(results: Sequence[CheckResult], scope: Scope) -> tuple[ItemVerdict, ...]:
    """Answer every line of the checklist from the checks behind it."""
    return tuple(_judge_item(item, results, scope) for item in scope.checklist)


def _judge_item(item: Item, results: Sequence[CheckResult], scope: Scope) -> ItemVerdict:
    mine = tuple(result for result in results if result.check.item == item.key)
    applicable = [result for result in mine if result.outcome is not Outcome.NOT_APPLICABLE]
    outcome, reason = worst(result.outcome for result in applicable), ""
    in_scope = item.key in scope.items
    if not mine and not in_scope:
        reason = "not asked in this run"
    elif outcome in (*_HELD, Outcome.NOT_PROVEN):
        outcome, reason = _proof(mine, applicable, outcome)
    return ItemVerdict(item, outcome, in_scope, reason, mine)


def _proof(
    mine: Sequence[CheckResult], applicable: Sequence[CheckResult], outcome: Outcome
) -> tuple[Outcome, str]:
    """PASS only where a check that proves the item ran and passed; otherwise the reason why not."""
    proving = [result for result in mine if result.check.proves and not result.advisory]
    if not proving and any(result.check.proves for result in mine):
        return Outcome.NOT_PROVEN, "the site profile calls every check that proves it advisory"
    if not proving:
        return Outcome.NOT_PROVEN, "no check that proves it was asked"
    if not any(result in applicable for result in proving):
        return Outcome.NOT_PROVEN, "the site profile says of every check that proves it: not applicable"
    if outcome is Outcome.NOT_PROVEN:
        return outcome, _untold(applicable)
    if not any(result.outcome in _HELD for result in proving):
        return Outcome.NOT_PROVEN, "no check that proves it ran"
    return outcome, ""


def _untold(applicable: Sequence[CheckResult]) -> str:
    untold = [result.behind for result in applicable if result.outcome is Outcome.NOT_PROVEN]
    if all(untold):
        return f"behind {', '.join(dict.fromkeys(untold))}"
    return "some of its checks did not run to an answer"


def behind_each(results: Iterable[CheckResult]) -> dict[str, int]:
    """How many checks are behind each that others are behind, the most first."""
    roots = [result.behind for result in results if result.behind]
    return {root: roots.count(root) for root in sorted(set(roots), key=lambda one: (-roots.count(one), one))}


def checks_behind(count: int) -> str:
    """How many, in words.

    >>> checks_behind(1), checks_behind(5)
    ('1 check behind this one', '5 checks behind this one')
    """
    return f"{count} {'check' if count == 1 else 'checks'} behind this one"
