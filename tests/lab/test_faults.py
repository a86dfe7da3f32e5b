"""The proof: on a clean lab everything passes, and each fault turns its own checks red and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.run import run
from lab.faults.deployments import NOT_ON
from lab.faults.fault import LAYERS, Fault, all_faults
from lab.faults.patient import Patient
from lab.minipc import deployment
from lab.paths import LabPaths, lab_paths
from tests.lab.judging import PYTEST, ROOT, behind, judge, outcomes

pytestmark = pytest.mark.lab

FAULTS = all_faults()
NEVER_FAIL = {
    "db.sees_every_row": "what our role may not read says nothing of the site: what reads it is behind this",
    "host.root_by_sudo": "without root nothing of the host can be asked: all that asks it is BROKEN",
}
"""Checks that are BROKEN where others FAIL, and why."""


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> LabPaths:
    """The lab that is up, with a controller that has just started: what it logs counts from there."""
    paths = lab_paths()
    Patient(paths, tmp_path_factory.mktemp("patient")).host("systemctl restart master-controller")
    return paths


@pytest.fixture
def patient(paths: LabPaths, tmp_path: Path) -> Patient:
    """That lab, and a profile to judge it by."""
    return Patient(paths, tmp_path)


@pytest.mark.slow
def test_the_clean_lab_passes_every_check(patient: Patient) -> None:
    """What is not broken is never red."""
    verdict = judge(patient, *LAYERS)
    assert {name: seen for name, seen in outcomes(verdict).items() if seen not in ("PASS", "n/a")} == {}
    assert verdict["trouble"] == []


def proof(fault: Fault) -> object:
    """A fault as a row; those for which VMs must be made take a minute each, and are asked for by name."""
    slow = {"guest", "session"} & {layer.partition("/")[0] for layer in fault.asks}
    return pytest.param(fault, id=fault.name, marks=[pytest.mark.slow] if slow else [])


def skip_where_it_cannot_be(fault: Fault, patient: Patient) -> None:
    """Some deployments cannot have it."""
    name = deployment.chosen(patient.paths).name
    if why := NOT_ON.get(name, {}).get(fault.name):
        pytest.skip(f"{fault.name} cannot be on {name}: {why}")


@pytest.mark.parametrize("fault", [proof(fault) for fault in FAULTS])
def test_a_fault_turns_its_own_checks_red(fault: Fault, patient: Patient, nodes: dict[str, str]) -> None:
    """Each fault is caught by the checks it names, as a FAIL, and by no others: those are behind these."""
    skip_where_it_cannot_be(fault, patient)
    alone: dict[str, str] = {}
    with fault.inject(patient):
        verdict = judge(patient, *fault.asks)
        if fault.alone:
            alone = outcomes(judge(patient, *(nodes[name].removeprefix("tests/") for name in fault.alone)))
    told = outcomes(verdict)
    seen = {name: outcome for name, outcome in told.items() if outcome != "n/a"}
    otherwise = {
        name: f"{outcome}, expected {fault.expected(name)}"
        for name, outcome in seen.items()
        if outcome != fault.expected(name)
    }
    assert otherwise == {}, fault.breaks
    roots = behind(verdict)
    assert {name: root for name, root in roots.items() if not fault.is_behind(name, root)} == {}, fault.breaks
    assert alone == dict.fromkeys(fault.alone, "FAIL")
    assert not fault.reds or "FAIL" in seen.values()
    assert fault.unknown(told) == set()


def test_every_check_has_a_fault(nodes: dict[str, str]) -> None:
    """A check that nothing in the lab can turn red is no check."""
    unproven = {name for name in nodes if name not in NEVER_FAIL and not turned(nodes, name, "FAIL")}
    assert unproven == set()


@pytest.mark.parametrize("name", NEVER_FAIL)
def test_what_never_fails_is_seen_broken(name: str, nodes: dict[str, str]) -> None:
    """Where a check is BROKEN by design, a fault shows that, and none shows it as a FAIL."""
    assert turned(nodes, name, "BROKEN")
    assert not turned(nodes, name, "FAIL")


def turned(nodes: dict[str, str], check: str, outcome: str) -> list[str]:
    """The faults that turn a check so, among those that ask it."""
    asked = (fault for fault in FAULTS if fault.is_asked(nodes[check]))
    return [
        fault.name
        for fault in asked
        if fault.expected(check) == outcome or (outcome == "FAIL" and check in fault.alone)
    ]


@pytest.fixture(scope="module")
def nodes() -> dict[str, str]:
    """The name of every check, and where it is, without running one."""
    folders = [f"tests/{layer}" for layer in LAYERS]
    done = run([*PYTEST, "-m", "acceptance", "--collect-only", *folders], timeout_s=120, cwd=ROOT)
    nodes = [line for line in done.stdout.splitlines() if "::test_" in line]
    assert nodes, done.stdout
    return {f"{node.split('/')[1]}.{node.partition('::test_')[2]}": node for node in nodes}
