"""A clone that is kept: reached from outside its run, left alone by the next, and gone without a trace."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.host.hypervisor import Hypervisor
from harness.keeping.found import Found, drop, list_vms
from harness.run import Result, run
from harness.site.load import load_site
from harness.wait import wait_until
from lab.faults.patient import Patient
from lab.paths import lab_paths
from tests.lab.judging import PYTEST, ROOT, judge, outcomes

pytestmark = [pytest.mark.lab, pytest.mark.slow]

CHECK = "tests/guest/test_network.py::test_no_other_port_listens[golden]"


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    """The lab as it should be, and a profile by which a port listens that must not: a red check."""
    patient = Patient(lab_paths(), tmp_path)
    with patient.profile(guest={"listening_ports": [22, 5901, 8080]}):
        yield patient


@pytest.fixture
def host(patient: Patient) -> Iterator[Hypervisor]:
    """The host, on which nothing that is kept outlives the test."""
    with Hypervisor(load_site(patient.site)) as host:
        before = {one.name for one in list_vms(host)}
        yield host
        for one in list_vms(host):
            if one.kept and one.name not in before:
                drop(host, one.name)


def suite(patient: Patient, *words: str) -> list[str]:
    """The command line of a run that asks the red check."""
    evidence = f"--evidence-dir={patient.folder / 'evidence'}"
    return [*PYTEST, f"--site={patient.site}", evidence, CHECK, *words]


def vm(patient: Patient, verb: str, *words: str) -> Result:
    """``python -m harness vm``."""
    line = [sys.executable, "-m", "harness", "vm", verb, f"--site={patient.site}", *words]
    return run(line, timeout_s=300, check=False, cwd=ROOT)


def kept(host: Hypervisor) -> list[Found]:
    """The VMs that are, or will be."""
    return [one for one in list_vms(host) if one.kept]


def seen(patient: Patient, name: str) -> None:
    """It is reached in each way."""
    assert vm(patient, "ssh", name, "systemctl is-active ssh.service").stdout == "active\n"
    assert "\n" in vm(patient, "console", name).stdout
    picture = patient.folder / "screen.png"
    done = vm(patient, "vnc", f"--picture={picture}", name)
    assert done.status == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_it_outlives_its_run_and_is_nobodys_leftover(patient: Patient, host: Hypervisor) -> None:
    done = run(suite(patient, "--keep-failed=20m"), timeout_s=600, check=False, cwd=ROOT)
    [one] = kept(host)
    assert one.name in done.stdout
    assert one.kept is not None
    assert one.kept.until is not None
    seen(patient, one.name)
    verdict = judge(patient, "host", mark="smoke")
    assert {name: came for name, came in outcomes(verdict).items() if came not in ("PASS", "n/a")} == {}
    assert [
        line for line in verdict["leftovers"] if one.name in line and line.startswith("kept until ")
    ] != []
    assert vm(patient, "drop", one.name).status == 0
    assert vm(patient, "ssh", one.name).status == 4
    wait_until(
        lambda: host.script(f"ls -d /run/{one.name[:10]}* /run/netns/{one.name}; true", timeout_s=20).stdout,
        what="nothing of it is there",
        timeout_s=20,
        interval_s=0.2,
        until=lambda left: not left,
    )


def test_it_outlives_a_suite_that_is_killed(patient: Patient, host: Hypervisor) -> None:
    words = suite(patient, "--keep-failed=20m", "--pdb")  # a debugger that waits for ever
    process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        found = wait_until(lambda: kept(host), what="one is kept", timeout_s=300, interval_s=0.5, until=bool)
        assert found[0].kept is not None
        assert found[0].kept.until is None
        assert vm(patient, "ssh", found[0].name, "true").status == 0  # while the debugger waits
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    ended = wait_until(
        lambda: [one.kept.until for one in kept(host) if one.kept],
        what="its run is over",
        timeout_s=60,
        interval_s=0.2,
        until=lambda ends: ends != [None],
    )
    assert len(ended) == 1
    seen(patient, found[0].name)


def test_where_all_pass_nothing_stays(patient: Patient, host: Hypervisor) -> None:
    with patient.profile(guest={"listening_ports": [22, 5901, 6080, 8080]}):
        done = run(suite(patient, "--keep-failed"), timeout_s=600, check=False, cwd=ROOT)
    assert done.status == 0, done.stdout
    assert kept(host) == []
