"""A running VM's API socket was removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.live_vm import live_vm
from lab.faults.patient import Patient

REDS = {"host.live_rows_have_socket"}
LAYERS = ("db", "host/test_inventory.py")


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """The VM runs on."""
    with live_vm(patient) as vm:
        patient.host(f"rm {vm.socket}")
        yield
