"""Red, `mend --apply`, green: and nothing else on the host or in the database is another than before."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.database.connection import read_only_session
from harness.errors import CommandError
from harness.host.hypervisor import Hypervisor
from harness.run import Result, run
from harness.world.difference import changed_bridge, changed_golden, changed_rows, changed_things
from harness.world.look import World, look_at_world
from lab.faults import rows
from lab.faults.fault import Fault, all_faults
from lab.faults.live_vm import live_vm
from lab.faults.patient import Patient
from lab.minipc import keys
from lab.paths import LabPaths, lab_paths
from tests.lab.judging import ROOT, judge, outcomes

pytestmark = pytest.mark.lab

STEP_1 = ("host.stray_vm_folder", "host.stray_socket", "host.stray_tap")
STEP_2 = (
    "host.row_without_vm",
    "host.row_with_foreign_pid",
    "db.stopped_but_live",
    "db.silent_vm",
    "db.destroyed_without_time",
    "db.time_without_destruction",
    "db.incident_vm_alive",
    "db.session_on_dead_vm",
    "db.overdue_session",
    "db.failed_without_reason",
    "db.incident_session_completed",
)
STEP_4 = ("host.controller_stopped", "host.controller_disabled")
STEP_7 = ("db.old_destroyed_vm", "db.old_failed_session")
QUICK = ("host.stray_tap", "host.row_without_vm", "host.controller_disabled", "db.old_failed_session")
FAULTS = {fault.name: fault for fault in all_faults()}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPaths]:
    """The lab that is up, and a user's session on it all the while."""
    paths = lab_paths()
    patient = Patient(paths, tmp_path_factory.mktemp("user"))
    with live_vm(patient):
        yield paths


@pytest.fixture
def patient(paths: LabPaths, tmp_path: Path) -> Iterator[Patient]:
    """That lab, with a role that may write."""
    patient = Patient(paths, tmp_path)
    url = tmp_path / "mend.url"
    keys.write_private(url, keys.database_url(paths, "controller") + "\n")
    with patient.profile(database={"mend_url_file": str(url)}):
        yield patient


def mend(patient: Patient, *words: str, typed: str = "") -> Result:
    """As an operator types it."""
    evidence = f"--evidence-dir={patient.folder / 'evidence'}"
    argv = [sys.executable, "-m", "harness", "mend", evidence, *words]
    return run(argv, timeout_s=900, check=False, cwd=ROOT, input_text=typed)


def look(patient: Patient) -> World:
    """Host and database now."""
    with Hypervisor(patient.settings) as hypervisor, ExitStack() as stack:
        session = read_only_session(patient.settings, run_id="abcdef", forward=hypervisor.forward)
        return look_at_world(hypervisor, stack.enter_context(session))


def differences(patient: Patient, before: World, after: World) -> list[str]:
    """The suite's own difference of two looks, without the rows that the fault itself added, or changed."""
    incident = str(patient.settings.database.incident_vm)
    found = [f"{one.thing}: {one.why}" for one in changed_things(before, after)]
    found += changed_golden(before, after) + changed_bridge(before, after)
    return found + [
        line for line in changed_rows(before, after) if "fa017" not in line and not line.startswith(incident)
    ]


@contextmanager
def injected(inject: AbstractContextManager[None]) -> Iterator[None]:
    """What a fault would heal by removing what is mended already, fails at that, and rightly so."""
    mended = False
    try:
        with inject:
            yield
            mended = True
    except CommandError:
        if not mended:
            raise


def red_then_green(patient: Patient, fault: Fault) -> None:
    """The whole way, from the last verdict."""
    before = look(patient)
    with injected(fault.inject(patient)):
        told = judge(patient, *fault.asks)
        red = {name for name, seen in outcomes(told).items() if seen == "FAIL"}
        assert red, fault.breaks
        shown = mend(patient)
        assert shown.status == 1
        assert "nothing was changed" in shown.stdout, shown.stderr
        assert outcomes(judge(patient, *fault.asks)) == outcomes(told)
        done = mend(patient, "--apply", "--yes")
        assert done.status == 0, done.stdout + done.stderr
        after = outcomes(judge(patient, *fault.asks))
        assert {name: seen for name, seen in after.items() if seen not in ("PASS", "n/a")} == {}
        assert differences(patient, before, look(patient)) == []


def _proof(name: str) -> object:
    """Each takes some twenty seconds: but for one of a kind they are asked for by name."""
    return pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])


@pytest.mark.parametrize("name", [_proof(name) for name in (*STEP_1, *STEP_2, *STEP_4, *STEP_7)])
def test_red_is_mended(name: str, patient: Patient) -> None:
    """For every fault that steps 1, 2, 4 and 7 mend, with a user's session running beside."""
    red_then_green(patient, FAULTS[name])


def test_a_vmm_that_names_its_vm_is_ended(patient: Patient) -> None:
    """Unlike host.stray_vmm, which names none, and so is left to a person."""
    called = f"{patient.settings.state.vms_dir}/{rows.vm_id(1)}/firecracker"
    start = f"exec -a {called} /run/fa018/firecracker 1000"
    unit = "systemd-run --quiet --collect --unit=fa018-vmm"
    do = f"mkdir -p /run/fa018; cp /bin/sleep /run/fa018/firecracker; {unit} bash -c {shlex.quote(start)}"
    undo = "systemctl stop fa018-vmm || true; rm -r /run/fa018"
    named = FAULTS["host.stray_vmm"]
    red_then_green(
        patient,
        Fault(named.name, named.breaks, lambda p: p.on_host(do=do, undo=undo), named.asks, named.reds),
    )


@dataclass(frozen=True)
class Refusal:
    """What is left to a person, and the words that say why."""

    fault: str
    why: str


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal("host.stray_vmm", "names no VM in state.sockets_dir"),
        Refusal("host.vm_without_socket", "a live VM is not touched"),
        Refusal("host.vm_off_the_bridge", "a live VM is not touched"),
    ],
    ids=lambda one: one.fault,
)
def test_what_a_person_must_decide_is_left(refusal: Refusal, patient: Patient) -> None:
    """Nothing is changed by --apply --yes, and the plan says why."""
    fault = FAULTS[refusal.fault]
    with fault.inject(patient):
        done = mend(patient, f"--site={patient.site}", "--apply", "--yes")
        assert refusal.why in done.stdout, done.stderr
        assert done.status == 1
        seen = outcomes(judge(patient, *fault.asks))
        assert {name for name, outcome in seen.items() if outcome == "FAIL"} == fault.reds
