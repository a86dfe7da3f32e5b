"""The suite, run on the lab as an operator would run it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from harness.run import run
from harness.verdict.document import document_of
from lab.faults.patient import Patient

ROOT = Path(__file__).parents[2]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]


def judge(patient: Patient, *layers: str, mark: str = "acceptance") -> dict[str, Any]:
    """Run those layers' checks; the content of verdict.json."""
    evidence = patient.folder / "evidence"
    options = ["-m", mark, f"--site={patient.site}", f"--evidence-dir={evidence}", *patient.options]
    folders = [f"tests/{layer}" for layer in layers]
    done = run([*PYTEST, *options, *folders], timeout_s=1200, check=False, cwd=ROOT)
    report = evidence / "latest" / "verdict.json"
    assert report.is_file(), f"no verdict: {done.stdout}\n{done.stderr}"
    verdict: dict[str, Any] = json.loads(report.read_text("utf-8"))
    document_of(verdict, whose=str(report))
    return verdict


def behind(verdict: dict[str, Any]) -> dict[str, str]:
    """The check that each is behind, or nothing."""
    return {check["name"]: check["behind"] for check in verdict["checks"]}


def outcomes(verdict: dict[str, Any]) -> dict[str, str]:
    """Each check's outcome."""
    return {check["name"]: check["outcome"] for check in verdict["checks"]}
