"""The real Firecracker on real KVM: the lab that is up as `python -m lab up --host=kvm` brings it up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import firecracker
from lab.faults.patient import Patient
from lab.minipc import access
from lab.minipc.kvm import machine
from lab.minipc.kvm.machine import Machine
from lab.paths import lab_paths
from tests.lab.judging import judge, outcomes

pytestmark = [pytest.mark.lab, pytest.mark.slow]


@pytest.fixture(scope="module")
def host() -> Machine:
    """The machine that runs."""
    found = machine.find(lab_paths())
    assert found, "the lab is not up on it: python -m lab up --host=kvm"
    return found


@pytest.fixture
def patient(host: Machine, tmp_path: Path) -> Patient:
    """The lab on it."""
    return Patient(host.paths, tmp_path)


@pytest.fixture
def no_kvm(patient: Patient) -> Iterator[None]:
    """KVM's module is not loaded, as on a host whose firmware has it switched off."""
    with patient.on_host(do="rmmod kvm_amd", undo="modprobe kvm_amd"):
        yield


def test_its_vmm_is_firecracker(host: Machine) -> None:
    said = access.ask(host, "firecracker", "--version").stdout
    assert said.splitlines()[0] == f"Firecracker v{firecracker.VERSION}"
    built = access.ask(host, "cat", "/var/lib/firecracker/snapshots/manifest.json").stdout
    assert f'"vmm_version": "{firecracker.VERSION}"' in built


def test_nothing_leads_out_of_it(host: Machine) -> None:
    """This machine's loopback has its sshd, and it has nothing of this machine's."""
    assert access.ask(host, "ip", "route", "show", "default").stdout == ""
    words = ("curl", "-sS", "--max-time", "5", f"http://10.0.2.2:{host.port}/")
    assert access.ask(host, *words, check=False).status != 0


def test_a_sound_site_passes(patient: Patient) -> None:
    """Restored clones of a real snapshot and a user's session, in the quick core."""
    verdict = judge(patient, "db", "host", "guest", "session", mark="smoke")
    assert set(outcomes(verdict).values()) == {"PASS"}, outcomes(verdict)


@pytest.mark.usefixtures("no_kvm")
def test_a_host_without_kvm_is_told_by_name(patient: Patient) -> None:
    """The golden snapshot is sound, and is not blamed."""
    seen = outcomes(judge(patient, "host", mark="smoke"))
    assert seen["host.kvm_is_usable"] == "FAIL"
    assert seen["host.snapshot_loadable"] == "PASS"
