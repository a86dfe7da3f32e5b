"""The proof of the causes: each fault that shows one is told by its name, by the check that FAILs."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from harness.causes.table import CAUSES
from lab.faults.deployments import NOT_ON
from lab.faults.fault import Fault, all_faults
from lab.faults.launching import launching
from lab.faults.patient import Patient
from lab.minipc import deployment
from lab.paths import lab_paths
from tests.lab.judging import judge

pytestmark = [pytest.mark.lab, pytest.mark.slow]

SHOWN_BY = {cause.name: cause.shown_by for cause in CAUSES}
NODES = {
    "guest.clone_resumes_from_the_snapshot": "guest/test_restored.py::test_clone_resumes_from_the_snapshot",
    "guest.cold_boot_is_healthy_in_time": "guest/test_cold_boot.py::test_cold_boot_is_healthy_in_time",
    "guest.health_answers_in_time": "guest/test_health.py::test_health_answers_in_time",
    "host.controller_active": "host/test_controller.py::test_controller_active",
    "host.controller_api_answers": "host/test_controller.py::test_controller_api_answers",
    "session.session_starts": "session/test_launch.py::test_session_starts",
}
FAULTS = [one for one in all_faults() if one.cause]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_told_by_its_cause(fault: Fault, tmp_path: Path) -> None:
    """And by no other; what mends it is the cause's."""
    patient = Patient(lab_paths(), tmp_path)
    name = deployment.chosen(patient.paths).name
    if why := NOT_ON.get(name, {}).get(fault.name):
        pytest.skip(f"{fault.name} cannot be on {name}: {why}")
    check = SHOWN_BY[fault.cause]
    with _patience(fault, check, patient), fault.inject(patient):
        verdict = judge(patient, NODES[check])
    (found,) = [one for one in verdict["checks"] if one["name"] == check]
    assert found["outcome"] == "FAIL", found["seen"]
    assert found["cause"]["name"] == fault.cause, f"{found['cause']['text']}\n{found['seen']}"
    assert found["cause"]["how"]


def _patience(fault: Fault, check: str, patient: Patient) -> AbstractContextManager[None]:
    """A launch that never succeeds need not be waited for long; a session's own faults see to that."""
    waits = check == "session.session_starts" and not fault.name.startswith("session.")
    return launching(patient) if waits else nullcontext()
