"""The proof: on a clean lab everything passes, and each fault turns its own checks red and no others."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.run import run
from lab.faults.fault import Fault, all_faults
from lab.faults.patient import Patient
from lab.paths import lab_paths

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
FAULTS = all_faults()


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    """The lab that is up."""
    return Patient(lab_paths(), tmp_path)


def judge(patient: Patient, *layers: str) -> dict[str, Any]:
    """Run those layers' acceptance checks as an operator would; the content of verdict.json."""
    evidence = patient.folder / "evidence"
    folders = [f"tests/{layer}" for layer in layers]
    argv = [sys.executable, "-m", "pytest", "-m", "acceptance", "-q", "-p", "no:cacheprovider"]
    done = run(
        [*argv, f"--site={patient.site}", f"--evidence-dir={evidence}", *folders],
        timeout_s=300,
        check=False,
        cwd=ROOT,
    )
    report = evidence / "latest" / "verdict.json"
    assert report.is_file(), f"no verdict: {done.stdout}\n{done.stderr}"
    verdict: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return verdict


def red(verdict: dict[str, Any]) -> dict[str, str]:
    """The checks that are not PASS, with their outcome."""
    return {check["name"]: check["outcome"] for check in verdict["checks"] if check["outcome"] != "PASS"}


def test_the_clean_lab_passes_every_check(patient: Patient) -> None:
    """What is not broken is never red."""
    verdict = judge(patient, "host", "guest", "db")
    assert red(verdict) == {}
    assert verdict["trouble"] == []


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_turns_its_own_checks_red(fault: Fault, patient: Patient) -> None:
    """Each fault is caught by the checks it names, as a FAIL, and by nothing else."""
    with fault.inject(patient):
        verdict = judge(patient, *fault.layers)
    seen = red(verdict)
    unexpected = {name: outcome for name, outcome in seen.items() if not fault.names(name)}
    missed = {name for name in fault.reds if not any(name in (n, n.partition("[")[0]) for n in seen)}
    assert (unexpected, missed) == ({}, set()), f"{fault.breaks}: {seen}"
    assert set(seen.values()) == {"FAIL"}


def test_every_check_has_a_fault(patient: Patient) -> None:
    """A check that nothing in the lab can turn red is no check."""
    names = {check["name"] for check in judge(patient, "host", "guest", "db")["checks"]}
    unproven = {name for name in names if not any(fault.names(name) for fault in FAULTS)}
    assert unproven == set()
