"""Verdicts of runs that never were."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from harness.verdict.about import About, HostPart, Profile, SnapshotFile, SnapshotPart, Suite
from harness.verdict.checklist import CHECKLIST
from harness.verdict.document import Document, document_of
from harness.verdict.known import Known

BEGAN, ENDED = datetime(2026, 1, 31, 12, 0, tzinfo=UTC), datetime(2026, 1, 31, 12, 5, tzinfo=UTC)
FILES = {"vmstate": "1" * 64, "memory": "2" * 64, "disk": "3" * 64}


def about() -> About:
    """What little every run knows, and a golden snapshot of three files."""
    files = {role: SnapshotFile(path=f"/g/{role}", size=7, sha256=digest) for role, digest in FILES.items()}
    return Known(
        Suite(version="1.2.3", checks_sha256="c" * 64),
        Profile(file="site.toml", sha256="d" * 64),
        HostPart(address="192.0.2.1"),
        SnapshotPart(**files),
    ).about()


def passed(**changes: Any) -> dict[str, Any]:
    """``verdict.json`` of an acceptance run in which all is PASS, with these keys otherwise."""
    items = [
        {
            "key": item.key,
            "text": item.text,
            "outcome": "PASS",
            "in_scope": True,
            "reason": "",
            "checks": [f"host.{item.key}"],
        }
        for item in CHECKLIST
    ]
    checks = [
        {
            "name": f"host.{item.key}",
            "node": f"tests/host/test_it.py::test_{item.key}",
            "claim": "A claim.",
            "item": item.key,
            "proves": True,
            "smoke": False,
            "step": 5,
            "how": "rebuild it",
            "outcome": "PASS",
            "seen": "",
            "hint": "",
            "where": "",
            "seconds": 0.5,
            "evidence": "",
        }
        for item in CHECKLIST
    ]
    document = Document.model_validate(
        {
            **dict(about()),
            "format": 2,
            "run": "0a1b2c",
            "began": BEGAN,
            "ended": ENDED,
            "site": "here",
            "outcome": "PASS",
            "exit_status": 0,
            "scope": {"name": "acceptance", "narrowed": []},
            "items": items,
            "checks": checks,
            "trouble": [],
            "advice": [],
            "leftovers": [],
            "unwritten": [],
            "left_out": {},
        }
    )
    return {**document.model_dump(mode="json"), **copy.deepcopy(changes)}


def document(**changes: Any) -> Document:
    """The same as a model."""
    return document_of(passed(**changes), whose="verdict.json")


def waived(until: str = "2026-02-28", **changes: Any) -> list[dict[str, Any]]:
    """Its checks, of which the first FAILED and was waived, with these keys of it otherwise."""
    first, *rest = passed()["checks"]
    waiver = {"check": first["name"], "reason": "r", "owner": "ops", "ticket": "OPS-7", "until": until}
    return [{**first, "outcome": "WAIVED", "found": "FAIL", "waiver": waiver, **changes}, *rest]
