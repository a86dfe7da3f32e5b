"""A running VM's TAP device is no port of the bridge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.live_vm import live_vm
from lab.faults.patient import Patient

REDS = {"host.live_rows_have_tap"}
LAYERS = ("db", "host/test_inventory.py")


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """The VM runs on."""
    with live_vm(patient) as vm:
        patient.host(f"ip link set {vm.tap} nomaster")
        yield
