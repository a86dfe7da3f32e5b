"""A verdict as it may leave: every text of a site, and what was typed, without secrets and plain.

What a check declares stays as it is: that is written in the suite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from harness.outward import told, told_each
from harness.verdict.checklist import ITEMS, Item
from harness.verdict.outcome import Cause, CheckResult, RunVerdict
from harness.verdict.terms import Waiver

Of = TypeVar("Of")


def told_verdict(verdict: RunVerdict) -> RunVerdict:
    """``verdict``, to be shown or written. Twice changes nothing."""
    results = {result.check.node: _told_result(result) for result in verdict.results}
    items = (
        replace(
            item,
            item=_told_item(item.item),
            results=tuple(results[result.check.node] for result in item.results),
        )
        for item in verdict.items
    )
    return replace(
        verdict,
        scope=replace(verdict.scope, narrowed=tuple(told_each(verdict.scope.narrowed))),
        items=tuple(items),
        results=tuple(results.values()),
        trouble=_told_seconds(verdict.trouble),
        advice=_told_seconds(verdict.advice),
        leftovers=told_each(verdict.leftovers),
        unwritten=told_each(verdict.unwritten),
        facts={name: told(text) for name, text in verdict.facts.items()},
    )


def _told_item(item: Item) -> Item:
    """One of the site's own is written in its profile."""
    return item if item.key in ITEMS else replace(item, text=told(item.text), why=told(item.why))


def _told_seconds(pairs: Sequence[tuple[Of, str]]) -> list[tuple[Of, str]]:
    texts = told_each([text for _, text in pairs])
    return [(of, text) for (of, _), text in zip(pairs, texts, strict=True)]


def _told_result(result: CheckResult) -> CheckResult:
    return replace(
        result,
        seen=told(result.seen),
        hint=told(result.hint),
        where=told(result.where),
        evidence=told(result.evidence),
        cause=_told_cause(result.cause) if result.cause else None,
        waiver=_told_waiver(result.waiver) if result.waiver else None,
        tries=tuple(replace(one, seen=told(one.seen), evidence=told(one.evidence)) for one in result.tries),
    )


def _told_waiver(waiver: Waiver) -> Waiver:
    return replace(
        waiver,
        check=told(waiver.check),
        reason=told(waiver.reason),
        owner=told(waiver.owner),
        ticket=told(waiver.ticket),
    )


def _told_cause(cause: Cause) -> Cause:
    return replace(cause, text=told(cause.text), where=told(cause.where))
