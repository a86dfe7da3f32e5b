"""``verdict.json``: the verdict for machines. docs/verdict.md describes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from harness.outward import each_text
from harness.verdict.bounds import MOST_ENTRIES, bounded
from harness.verdict.document import FORMAT, Document
from harness.verdict.outcome import CheckResult, ItemVerdict, RunVerdict
from harness.verdict.told import told_verdict
from harness.whole import write_whole


def as_json(verdict: RunVerdict, *, exit_status: int) -> dict[str, object]:
    """All that the terminal shows, and more of it."""
    lists: dict[str, Sequence[object]] = {
        "trouble": [{"outcome": outcome.value, "text": text} for outcome, text in verdict.trouble],
        "advice": [{"check": name, "text": text} for name, text in verdict.advice],
        "leftovers": verdict.leftovers,
        "unwritten": verdict.unwritten,
    }
    if verdict.about is None:
        raise ValueError("a verdict that does not say what it is about")
    facts = verdict.facts
    document: dict[str, object] = {
        "format": FORMAT,
        "run": facts["run"],
        "began": verdict.lasted[0],
        "ended": verdict.lasted[1],
        "site": facts["site"],
        **{name: facts[name] for name in ("evidence", "experiments") if name in facts},
        "merged": verdict.merged,
        "outcome": verdict.outcome.value,
        "exit_status": exit_status,
        "scope": {"name": verdict.scope.name, "narrowed": list(verdict.scope.narrowed)},
        "items": [_item(item) for item in verdict.items],
        "checks": [_check(result) for result in verdict.results],
        "since": verdict.since,
        **{name: many[:MOST_ENTRIES] for name, many in lists.items()},
        "left_out": {n: len(many) - MOST_ENTRIES for n, many in lists.items() if len(many) > MOST_ENTRIES},
    }
    return Document.model_validate({**dict(verdict.about), **document}).model_dump(mode="json")


def told_json(verdict: RunVerdict, *, exit_status: int) -> dict[str, object]:
    """The same by the door out, and no text of it longer than is told."""
    content: dict[str, object] = each_text(as_json(told_verdict(verdict), exit_status=exit_status), bounded)
    return content


def write_verdict(path: Path, verdict: RunVerdict, *, exit_status: int) -> None:
    """Write the file, whole.

    :raises OSError: it could not be written.
    """
    content = told_json(verdict, exit_status=exit_status)
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(path, f"{text}\n".encode())


def _item(verdict: ItemVerdict) -> dict[str, object]:
    return {
        "key": verdict.item.key,
        "text": verdict.item.text,
        "outcome": verdict.outcome.value,
        "in_scope": verdict.in_scope,
        "reason": verdict.reason,
        "checks": [result.check.name for result in verdict.results],
    }


def _check(result: CheckResult) -> dict[str, object]:
    return {
        **{name: value for name, value in asdict(result.check).items() if name != "premises"},
        "outcome": result.outcome.value,
        "seen": result.seen,
        "hint": result.hint,
        "where": result.where,
        "began": result.began,
        "seconds": round(result.seconds, 3),
        "evidence": result.evidence,
        "found": result.found.value if result.found else None,
        "waiver": asdict(result.waiver) if result.waiver else None,
        "advisory": result.advisory,
        "cause": asdict(result.cause) if result.cause else None,
        "behind": result.behind,
        "of_run": result.of_run,
        "tries": [{**asdict(one), "outcome": one.outcome.value} for one in result.tries],
    }
