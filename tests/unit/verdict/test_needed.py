"""Old runs that stay, because they deny what an older PASS would allow."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.verdict.runs import KEPT_RUNS, EvidenceRun
from tests.unit.peers.verdicts import passed, waived


def judged(root: Path, run_id: str, age: int, verdict: dict[str, Any] | None, **note: str) -> Path:
    """The folder of a run that ended so many minutes ago, and its verdict."""
    run = EvidenceRun(root, run_id)
    run.start({"site": "here", **note})
    run.end()
    moment = datetime.now(UTC) - timedelta(minutes=age)
    os.utime(run.folder / "run.json", (moment.timestamp(), moment.timestamp()))
    if verdict is not None:
        times = {"began": moment.isoformat(), "ended": moment.isoformat()}
        (run.folder / "verdict.json").write_text(json.dumps({**passed(), **verdict, **times}))
    return run.folder


SMOKE: dict[str, Any] = {"scope": {"name": "smoke", "narrowed": []}}
FAIL: dict[str, Any] = {**SMOKE, "outcome": "FAIL", "exit_status": 1}
ANOTHER: dict[str, Any] = {"profile": {"file": "x", "sha256": "e" * 64}}
OLD: dict[str, tuple[dict[str, Any] | None, dict[str, str], bool]] = {
    "a FAIL": (FAIL, {}, True),
    "one that knew nothing of the snapshot": ({**FAIL, "snapshot": {}}, {}, True),
    "a FAIL that was waived, and may be no more": ({**SMOKE, "checks": waived()}, {}, True),
    "a PASS": (SMOKE, {}, False),
    "a FAIL of something else": ({**FAIL, **ANOTHER}, {}, False),
    "one that was killed": (None, {}, True),
    "one of another site that was killed": (None, {"site": "there"}, False),
}


@pytest.mark.parametrize(("verdict", "note", "stays"), OLD.values(), ids=OLD.keys())
@pytest.mark.parametrize("wholes", ["older", "newer", "of something else", "none", "failed"])
def test_what_denies_an_older_pass_stays(
    tmp_path: Path, verdict: dict[str, Any] | None, note: dict[str, str], stays: bool, wholes: str
) -> None:
    """However many are newer: without it the PASS would count again."""
    whole = {"scope": "acceptance"}
    if wholes != "none":
        judged(tmp_path, "aaaaaa", 300, {}, **whole)
    if wholes == "newer":
        judged(tmp_path, "bbbbbb", 100, {}, **whole)
    if wholes == "of something else":
        judged(tmp_path, "bbbbbb", 100, {"profile": {"file": "x", "sha256": "f" * 64}}, **whole)
    if wholes == "failed":
        judged(tmp_path, "bbbbbb", 100, {"outcome": "FAIL", "exit_status": 1}, **whole)
    old = judged(tmp_path, "cccccc", 200, verdict, **{"scope": "smoke", **note})
    for number in range(KEPT_RUNS + 1):
        judged(tmp_path, f"{number:06x}", 50 - number, SMOKE, scope="smoke")
    assert old.exists() is (stays and wholes in ("older", "of something else"))


def test_of_those_that_deny_the_same_the_newest_is_enough(tmp_path: Path) -> None:
    judged(tmp_path, "aaaaaa", 300, {}, scope="acceptance")
    folders = [judged(tmp_path, f"cccc{n}", 200 - n, FAIL, scope="smoke") for n in range(10, 15)]
    killed = [judged(tmp_path, f"dddd{n}", 190 - n, None, scope="smoke") for n in range(10, 15)]
    for number in range(KEPT_RUNS + 1):
        judged(tmp_path, f"{number:06x}", 50 - number, SMOKE, scope="smoke")
    left = [folder for folder in (*folders, *killed) if folder.exists()]
    assert left == [folders[-1], killed[-1]]


def quick_ones(root: Path) -> None:
    """So many newer runs of smoke that every older one is to go."""
    for number in range(KEPT_RUNS + 1):
        judged(root, f"{number:06x}", 50 - number, SMOKE, scope="smoke")


def test_what_a_merged_run_tells_covers_no_other(tmp_path: Path) -> None:
    """It denies nothing of that run."""
    part = {"run": "bbbbbb", "outcome": "FAIL", "exit_status": 1, "evidence": ""}
    times = {word: (datetime.now(UTC) - timedelta(minutes=190)).isoformat() for word in ("began", "ended")}
    judged(
        tmp_path, "bbbbbb", 190, {"run": "bbbbbb", "outcome": "FAIL", "exit_status": 1}, scope="acceptance"
    )
    judged(tmp_path, "aaaaaa", 100, {"merged": [{**part, **times}]}, scope="acceptance")
    failed = judged(tmp_path, "cccccc", 195, {**FAIL, "run": "cccccc"}, scope="smoke")
    quick_ones(tmp_path)
    assert failed.exists()


def test_what_goes_on_covers_none_that_was_killed(tmp_path: Path) -> None:
    """It may yet come to a verdict that denies nothing."""
    judged(tmp_path, "aaaaaa", 300, {}, scope="acceptance")
    killed = judged(tmp_path, "cccccc", 200, None, scope="smoke")
    goes_on = EvidenceRun(tmp_path, "dddddd")
    goes_on.start({"site": "here", "scope": "partial"})
    quick_ones(tmp_path)
    goes_on.end()
    assert killed.exists()


@pytest.mark.parametrize("candidate", ["", "/c", None])
def test_what_was_killed_covers_what_was_of_the_same_snapshot(tmp_path: Path, candidate: str | None) -> None:
    judged(tmp_path, "aaaaaa", 300, {}, scope="acceptance")
    killed = judged(tmp_path, "cccccc", 200, None, scope="smoke", candidate="")
    judged(
        tmp_path,
        "dddddd",
        190,
        None,
        scope="partial",
        **({"candidate": candidate} if candidate is not None else {}),
    )
    quick_ones(tmp_path)
    assert killed.exists() is (candidate != "")


def test_one_that_does_not_say_its_site_stays(tmp_path: Path) -> None:
    judged(tmp_path, "aaaaaa", 300, {}, scope="acceptance")
    killed = judged(tmp_path, "cccccc", 200, None, scope="smoke", site=7)  # type: ignore[arg-type]
    quick_ones(tmp_path)
    assert killed.exists()


CANDIDATE: dict[str, Any] = {"scope": {"name": "candidate", "narrowed": []}}


@pytest.mark.parametrize("golden", [True, False])
def test_what_failed_while_it_was_golden_outlasts_the_runs_of_a_candidate(
    tmp_path: Path, golden: bool
) -> None:
    """No run of a candidate undoes that, and none of such covers it."""
    judged(tmp_path, "aaaaaa", 100, CANDIDATE, scope="candidate")
    failed = judged(tmp_path, "cccccc", 200, FAIL if golden else {**FAIL, **CANDIDATE}, scope="smoke")
    judged(tmp_path, "dddddd", 150, {**FAIL, **CANDIDATE}, scope="candidate")
    quick_ones(tmp_path)
    assert failed.exists() is golden
