"""When a run asked what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.verdict.document import CheckPart, Document
from harness.verdict.page.items import Line, weight

_THINNEST = 0.4  # percent: less is not seen


@dataclass(frozen=True)
class Bar:
    """A check on the line of its item, in percent of the run."""

    check: CheckPart
    left: float
    width: float


@dataclass(frozen=True)
class Row:
    """A line of the checklist that asked anything."""

    text: str
    bars: list[Bar]


@dataclass(frozen=True)
class Timeline:
    """The run from its begin to its end."""

    rows: list[Row]
    checks: list[tuple[datetime, CheckPart]]
    """In the order of their begin."""
    lasted: timedelta


def timeline(document: Document, lines: Sequence[Line]) -> Timeline | None:
    """None where the checks do not say when they began, as verdicts of older suites."""
    begun = [(check.began, check) for check in document.checks if check.began is not None]
    if not begun:
        return None
    begun.sort(key=lambda one: one[0])
    lasted = document.ended - document.began
    bars: dict[str, list[Bar]] = {}
    for began, check in begun:
        bars.setdefault(check.item, []).append(_bar(check, began - document.began, lasted))
    ordered = sorted(lines, key=lambda line: line.number)
    rows = [Row(line.item.text, _red_last(bars[line.item.key])) for line in ordered if line.item.key in bars]
    return Timeline(rows, begun, lasted)


def _red_last(bars: list[Bar]) -> list[Bar]:
    """What is drawn last is not hidden by another."""
    return sorted(bars, key=lambda bar: -weight(bar.check.outcome))


def _bar(check: CheckPart, after: timedelta, lasted: timedelta) -> Bar:
    whole = max(lasted.total_seconds(), 0.001)
    width = min(max(100 * check.seconds / whole, _THINNEST), 100.0)
    left = min(max(100 * after.total_seconds() / whole, 0.0), 100.0 - width)
    return Bar(check, round(left, 2), round(width, 2))
