"""What is a change, and what is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.verdict.document import document_of
from harness.watch.standing import Failing, Standing, change, keep_standing, read_standing, standing_of
from tests.unit.peers.verdicts import passed


def standing(outcome: str, *failing: str, unproven: tuple[str, ...] = (), **more: Any) -> Standing:
    """One with these checks failing; ``name!`` is BROKEN."""
    found = [
        Failing(check=one.rstrip("!"), outcome="BROKEN" if one.endswith("!") else "FAIL", seen="s", mend="m")
        for one in failing
    ]
    fields = {
        "site": "lab",
        "scope": "smoke",
        "run": "0a1b2c",
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        **more,
    }
    return Standing.model_validate({**fields, "outcome": outcome, "failing": found, "unproven": unproven})


LOST: dict[str, Any] = {"run": "", "why": "no site"}
SAME = [
    (standing("PASS"), standing("PASS")),
    (standing("FAIL", "a", "b"), standing("FAIL", "b", "a")),
    (standing("BROKEN", **LOST), standing("BROKEN", **LOST)),
    (standing("BROKEN", run="", why="1 error in 2.13s"), standing("BROKEN", run="", why="1 error in 2.07s")),
    (standing("BROKEN", "a", **LOST), standing("BROKEN", **LOST)),
]
CHANGES = [
    (None, standing("PASS"), "lab: PASS"),
    (None, standing("FAIL", "a"), "lab: FAIL (1 new)"),
    (standing("PASS"), standing("FAIL", "a"), "lab: FAIL, was PASS (1 new)"),
    (standing("FAIL", "a"), standing("PASS"), "lab: PASS, was FAIL (1 fixed)"),
    (standing("FAIL", "a"), standing("FAIL", "a", "b"), "lab: FAIL (1 new, 1 still)"),
    (standing("FAIL", "a"), standing("FAIL", "b"), "lab: FAIL (1 new, 1 fixed)"),
    (standing("FAIL", "a"), standing("BROKEN", "a!"), "lab: BROKEN, was FAIL (1 new)"),
    # Of what nobody could ask, nothing is said to be mended.
    (standing("FAIL", "a"), standing("NOT PROVEN", unproven=("a",)), "lab: NOT PROVEN, was FAIL"),
    (standing("FAIL", "a"), standing("BROKEN", **LOST), "lab: BROKEN, was FAIL: no site"),
    (standing("BROKEN"), standing("BROKEN", **LOST), "lab: BROKEN: no site"),
    (standing("BROKEN", **LOST), standing("BROKEN"), "lab: BROKEN"),
]


@pytest.mark.parametrize(("before", "now"), SAME)
def test_what_is_as_it_was_is_not_told(before: Standing, now: Standing) -> None:
    assert change(before, now) is None


@pytest.mark.parametrize(("before", "now", "line"), CHANGES)
def test_what_is_otherwise_is_told(before: Standing | None, now: Standing, line: str) -> None:
    found = change(before, now)
    assert found is not None
    assert found.line == line


def test_a_verdict_comes_to_a_standing() -> None:
    verdict = passed()
    verdict["checks"][0].update(outcome="FAIL", seen="it is away", step=4)
    verdict["checks"][1].update(outcome="NOT PROVEN")
    verdict["checks"][2].update(outcome="WAIVED")
    found = standing_of(document_of({**verdict, "outcome": "FAIL", "exit_status": 1}, whose="x"))
    assert [(one.check, one.seen, one.mend) for one in found.failing] == [
        (verdict["checks"][0]["name"], "it is away", "step 4: rebuild it")
    ]
    assert found.unproven == (verdict["checks"][1]["name"], verdict["checks"][2]["name"])


@pytest.mark.parametrize("harm", ["nothing", "cut", "odd", "gone"])
def test_what_was_told_is_known_to_the_next_one(tmp_path: Path, harm: str) -> None:
    """Where it is not, all is told again: that is never too little."""
    file, kept = tmp_path / "watch.json", standing("FAIL", "a")
    keep_standing(file, kept)
    if harm == "gone":
        file.unlink()
    elif harm != "nothing":
        file.write_text(file.read_text()[:-9] if harm == "cut" else json.dumps({"outcome": 1}))
    assert read_standing(file) == (kept if harm == "nothing" else None)
