"""A run of the suite, and which verdict is its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.suite_run import SuiteRun, run_suite
from tests.unit.peers.verdicts import passed

SCOPE = {"name": "smoke", "narrowed": []}


def ran(tmp_path: Path, *, ends: str, age_s: float = 0, **changes: Any) -> SuiteRun:
    """A run that writes this verdict and ends so; none of the suite's is begun."""
    at = datetime.now(UTC) + timedelta(minutes=1 if not age_s else 0, seconds=-age_s)
    when = {"began": at.isoformat(), "ended": at.isoformat()}
    verdict = tmp_path / "verdict.json"
    verdict.write_text(json.dumps(passed(**{"scope": SCOPE, **when, **changes})))
    evidence = tmp_path / "evidence" / "0a1b2c"
    script = f"mkdir -p {evidence} && cat {verdict} > {evidence}/verdict.json; echo last words; {ends}"
    return run_suite(
        tmp_path / "site.toml",
        "smoke",
        evidence.parent,
        of_site=lambda one: one.site == "here",
        within=["sh", "-c", script],
    )


@pytest.mark.parametrize(
    ("changes", "ends"), [({}, "exit 0"), ({"outcome": "FAIL", "exit_status": 1}, "exit 1")]
)
def test_the_verdict_is_what_it_came_to(tmp_path: Path, changes: dict[str, Any], ends: str) -> None:
    verdict = ran(tmp_path, ends=ends, **changes).verdict
    assert verdict is not None
    assert verdict.outcome == changes.get("outcome", "PASS")


@pytest.mark.parametrize("ends", ["exit 3", "kill -9 $$"])
def test_a_run_that_did_not_end_well_has_not_passed(tmp_path: Path, ends: str) -> None:
    """Whatever it had written by then: nobody saw what it has left behind."""
    done = ran(tmp_path, ends=ends)
    assert done.verdict is None
    assert done.why.startswith("its verdict is PASS, and it did not end so: exit status ")


@pytest.mark.parametrize(
    "changes",
    [{"age_s": 60}, {"site": "another"}, {"scope": {"name": "acceptance", "narrowed": []}}],
    ids=["an older one", "another site's", "another question's"],
)
def test_a_verdict_that_is_not_its_own_is_none(tmp_path: Path, changes: dict[str, Any]) -> None:
    done = ran(tmp_path, ends="exit 1", **changes)
    assert (done.verdict, done.why) == (None, "exit status 1: last words")
