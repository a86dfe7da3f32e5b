"""``verdict.json``: the verdict for machines. docs/verdict.md describes it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from harness.verdict.outcome import CheckResult, ItemVerdict, RunVerdict
from harness.verdict.told import told_verdict

FORMAT = 1


def as_json(verdict: RunVerdict, *, exit_status: int) -> dict[str, object]:
    """Everything that the terminal shows, and all of it."""
    return {
        "format": FORMAT,
        **verdict.facts,
        "outcome": verdict.outcome.value,
        "exit_status": exit_status,
        "scope": {"name": verdict.scope.name, "narrowed": list(verdict.scope.narrowed)},
        "items": [_item(item) for item in verdict.items],
        "checks": [_check(result) for result in verdict.results],
        "trouble": [{"outcome": outcome.value, "text": text} for outcome, text in verdict.trouble],
        "advice": [{"check": name, "text": text} for name, text in verdict.advice],
        "leftovers": list(verdict.leftovers),
    }


def write_verdict(path: Path, verdict: RunVerdict, *, exit_status: int) -> None:
    """Write the file, by the door out."""
    text = json.dumps(as_json(told_verdict(verdict), exit_status=exit_status), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


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
        **asdict(result.check),
        "outcome": result.outcome.value,
        "seen": result.seen,
        "hint": result.hint,
        "where": result.where,
        "seconds": round(result.seconds, 3),
        "evidence": result.evidence,
    }
