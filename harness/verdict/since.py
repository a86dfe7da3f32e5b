"""What changed since the last run of the same site and scope. Pure: runs in, what differs out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from statistics import median
from typing import Literal

from harness.verdict.about import Measured
from harness.verdict.document import ChangePart, SincePart, TrendPart
from harness.verdict.past import Past
from harness.verdict.ranks import p_value

FEWEST, _MOST = 5, 10
"""Runs on each of two snapshots by which a number is judged: with fewer, chance alone may do anything."""
_LOOKED_AT = 100
"""Earlier runs, at most."""
CHANCE = 0.01
"""How often chance alone may do what is told as slower or heavier."""
_WORTH_TELLING = 0.1
"""By how much of itself a median has to differ: what is smaller is seen some day, and troubles nobody."""

_PARTIAL = "only a part was asked"
_CUT = "not all of it was asked, or it was cut short"
_FIRST = "no earlier run of this site and scope is known"


def since_last(now: Past, newest_first: Iterable[Past]) -> SincePart:
    """``now`` held against the last run that was asked the same, and to its snapshot's numbers."""
    if not now.whole:
        return SincePart(why=_PARTIAL if now.scope == "partial" else _CUT)
    comparable = (one for one in newest_first if one.whole and one.run != now.run and one.is_of(now))
    earlier = list(islice(comparable, _LOOKED_AT))
    if not earlier:
        return SincePart(why=_FIRST)
    since = changes(now, earlier[0])
    return since.model_copy(update={"trends": [*trends(now, earlier)]})


def changes(now: Past, last: Past) -> SincePart:
    """What checks came to, one run after the other."""
    since = SincePart(run=last.run, began=last.began, outcome=last.outcome)
    for name in now.failing:
        first = last.failing.get(name)
        told = since.still if first else since.new
        told.append(_change(name, now, last, first or (now.run, now.began)))
    for name, first in last.failing.items():
        if name not in now.failing:
            told = since.fixed if now.outcome_of(name) == "PASS" else since.gone
            told.append(_change(name, now, last, first))
    return since


def trends(now: Past, newest_first: Sequence[Past]) -> Iterator[TrendPart]:
    """The numbers of the runs on this snapshot against those on the one before, on the same machines."""
    if not now.snapshot:
        return
    runs = [now, *(one for one in newest_first if one.snapshot and _same_machines(one, now))]
    before = next((one.snapshot for one in runs if one.snapshot != now.snapshot), None)
    for what in Measured.model_fields:
        lots = [
            [value for one in runs if one.snapshot == snapshot and (value := getattr(one.measured, what))]
            for snapshot in (before, now.snapshot)
        ]
        if min(map(len, lots)) >= FEWEST:
            yield trend(what, lots[0][:_MOST], lots[1][:_MOST])


def trend(what: str, before: Sequence[float], now: Sequence[float]) -> TrendPart:
    """Two lots of a number, of which less is better."""
    was, is_now = median(before), median(now)
    asked = abs(is_now - was) >= _WORTH_TELLING * was
    p = p_value(before, now) if asked else None
    change: Literal["worse", "better", "none"] = "none"
    if p is not None and p <= CHANCE:
        change = "worse" if is_now > was else "better"
    return TrendPart(
        what=what, change=change, medians=(was, is_now), runs=(len(before), len(now)), p=p and round(p, 6)
    )


def unsteady(newest_first: Iterable[Past]) -> dict[str, int]:
    """Checks that came to something else, though no digest of their subject had: how often."""
    changed: dict[str, int] = {}
    later: dict[tuple[object, ...], Past] = {}
    for one in newest_first:
        if not one.whole or not one.snapshot or not all(one.subject.values()):
            continue
        key = (one.site, one.host, one.scope, *sorted(one.subject.items()))
        if next_one := later.get(key):
            for name in one.checks.keys() & next_one.checks.keys():
                if one.outcome_of(name) != next_one.outcome_of(name):
                    changed[name] = changed.get(name, 0) + 1
        later[key] = one
    return changed


def _change(name: str, now: Past, last: Past, first: tuple[str, datetime]) -> ChangePart:
    outcome, before = now.outcome_of(name), last.outcome_of(name)
    return ChangePart(check=name, outcome=outcome, before=before, run=first[0], since=first[1])


def _same_machines(one: Past, other: Past) -> bool:
    """Whether nothing that is known says that host or suite ran on other machines."""
    pairs = ((one.subject.get("host"), other.subject.get("host")), (one.suite_machine, other.suite_machine))
    return all(this == that for this, that in pairs if this and that)
