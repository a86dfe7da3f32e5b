"""A site that does its worst gets a verdict like any other, in time, and keeps nothing of ours."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.run import Result, run

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[3]
ENDS_WITHIN_S = 600
ON_RECORD = re.compile(r"/run/acc-[0-9a-f]{6}/(owner|session-[0-9]+)\.json$")
APART = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the site is, and what was written about it."""
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def judged(folder: Path) -> Result:
    """One acceptance run at it."""
    files = [f"--evidence-dir={folder}/evidence", f"--junitxml={folder}/junit.xml"]
    suite = [sys.executable, "-m", "pytest", "-m", "acceptance", "--site={site}", *files]
    site = [sys.executable, "-m", "tests.lab.hostile.site", str(folder), "--", *suite]
    return run([*APART, *site], timeout_s=ENDS_WITHIN_S, check=False, cwd=ROOT)


def test_it_is_red_with_a_verdict_on_the_terminal(judged: Result) -> None:
    assert judged.status == 1, judged.stdout + judged.stderr
    assert "VERDICT: FAIL" in judged.stdout


def test_nothing_is_taken_for_a_fault_of_the_suite(judged: Result) -> None:
    assert "fault of the suite" not in judged.stdout
    assert "Traceback" not in judged.stdout + judged.stderr


def test_no_terminal_is_told_what_to_do(judged: Result) -> None:
    assert UNSEEN.findall(judged.stdout + judged.stderr) == []


@pytest.mark.usefixtures("judged")
def test_the_verdict_is_whole(folder: Path) -> None:
    verdict = json.loads((folder / "evidence/latest/verdict.json").read_text("utf-8"))
    assert verdict["outcome"] == "FAIL"
    assert {check["outcome"] for check in verdict["checks"]} <= {
        "PASS",
        "FAIL",
        "BROKEN",
        "NOT PROVEN",
        "n/a",
    }


@pytest.mark.usefixtures("judged")
def test_junit_is_whole(folder: Path) -> None:
    suite = ElementTree.parse(folder / "junit.xml").getroot().find("testsuite")  # noqa: S314 - written by us
    assert suite is not None
    assert int(suite.get("tests", "0")) > 100


@pytest.mark.usefixtures("judged")
def test_evidence_is_text_that_can_be_shown(folder: Path) -> None:
    kinds = (".txt", ".log", ".json")
    texts = {
        path.name: path.read_text("utf-8")
        for path in (folder / "evidence/latest").rglob("*")
        if path.suffix in kinds
    }
    assert texts
    assert {name: UNSEEN.findall(text)[:3] for name, text in texts.items() if UNSEEN.search(text)} == {}


def test_nothing_is_left_on_the_host(judged: Result, folder: Path) -> None:
    """But for the record of a session that the controller neither ends nor says to be over."""
    left = json.loads((folder / "left.json").read_text())
    assert left["processes"] == []
    assert [name for name in left["files"] if not ON_RECORD.search(name)] == []
    assert "could not cancel session" in judged.stdout
