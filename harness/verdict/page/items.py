"""The checklist as a page has it: what is red first, and what kept many checks from telling told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from harness.verdict.checklist import step_name
from harness.verdict.document import CheckPart, Document, ItemPart
from harness.verdict.page.kept import Evidence, Kept
from harness.verdict.page.short import short

NOT_ASKED = "not asked"
ORDER = ("FAIL", "BROKEN", "NOT PROVEN", "WAIVED", "ADVISORY", "n/a", "PASS", NOT_ASKED)
_UNTOLD = ("BROKEN", "NOT PROVEN")

Cause = tuple[str, str, str]


@dataclass
class Told:
    """A check in full, and those that the same kept from telling."""

    check: CheckPart
    anchor: str
    rows: list[tuple[str, str]]
    kept: list[Kept]
    more: list[CheckPart] = field(default_factory=list)


@dataclass
class Line:
    """A line of the checklist."""

    number: int
    item: ItemPart
    outcome: str
    counts: str
    told: list[Told] = field(default_factory=list)
    as_told: list[tuple[Told, list[CheckPart]]] = field(default_factory=list)
    """Checks that could not tell, behind the one of another item that says why."""
    passed: list[tuple[CheckPart, list[Kept]]] = field(default_factory=list)
    left_out: list[CheckPart] = field(default_factory=list)
    """Not applicable to the site."""


def weight(outcome: str) -> int:
    """What is worse comes first."""
    return ORDER.index(outcome) if outcome in ORDER else 0


def lines_of(document: Document, evidence: Evidence) -> list[Line]:
    """The checklist, what is red first; evidence of what is red is looked for before any other."""
    checks = {check.name: check for check in document.checks}
    mine = []
    for number, item in enumerate(document.items, 1):
        its = [checks[name] for name in item.checks if name in checks]
        mine.append((Line(number, item, _outcome(item), counted(check.outcome for check in its)), its))
    mine.sort(key=lambda one: weight(one[0].outcome))
    causes: dict[Cause, Told] = {}
    for line, its in mine:
        _tell(line, its, causes, evidence)
    for line, its in mine:
        line.passed = [(check, evidence.of(check)) for check in its if check.outcome == "PASS"]
    return [line for line, _ in mine]


def counted(outcomes: Iterable[str]) -> str:
    """``1 FAIL, 5 PASS``."""
    counts = sorted(Counter(outcomes).items(), key=lambda one: weight(one[0]))
    return ", ".join(f"{count} {outcome}" for outcome, count in counts)


def _outcome(item: ItemPart) -> str:
    return NOT_ASKED if item.outcome == "NOT PROVEN" and not item.in_scope else item.outcome


def _tell(line: Line, checks: Sequence[CheckPart], causes: dict[Cause, Told], evidence: Evidence) -> None:
    behind: dict[str, tuple[Told, list[CheckPart]]] = {}
    for check in sorted(checks, key=lambda one: weight(one.outcome)):
        if check.outcome == "n/a":
            line.left_out.append(check.model_copy(update={"seen": short(check.seen)}))
        if check.outcome in ("PASS", "n/a"):
            continue
        cause = (check.outcome, check.seen, check.hint)
        by = causes.get(cause)
        if by is None or (check.found or check.outcome) not in _UNTOLD:
            one = Told(check, f"{line.item.key}-{len(line.told) + 1}", list(_rows(check)), evidence.of(check))
            line.told.append(one)
            causes.setdefault(cause, one)
        elif by in line.told:
            by.more.append(check)
        else:
            behind.setdefault(by.anchor, (by, []))[1].append(check)
    line.as_told = list(behind.values())


def _rows(check: CheckPart) -> Iterator[tuple[str, str]]:
    """What is told of a check that did not pass; who tells more of it adds a row."""
    cause = check.cause
    rows = {
        "came to": check.found or "",
        "behind": check.behind,
        "tried before": ", ".join(f"{one.outcome} in run {one.run}" for one in check.tries),
        "cause": cause.text if cause else "",
        "seen": check.seen,
        "where": check.where,
        "next": check.hint,
    }
    if check.outcome == "WAIVED" and check.waiver:
        waiver = check.waiver.as_waiver()
        rows["waived"] = f"until {waiver.until} ({waiver.whose}): {waiver.reason}"
    if "FAIL" in (check.outcome, check.found):
        known = cause if cause and cause.name else check
        rows["mend"] = f"{step_name(known.step)}: {known.how}"
    yield from ((name, short(text)) for name, text in rows.items() if text)
