"""A running VM's pid in its row is that of another process, and not of a VMM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults import rows, things
from lab.faults.patient import Patient

REDS = {"host.live_rows_have_process"}
LAYERS = ("db", "host/test_inventory.py")


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """It is pid 1; socket and TAP device are as they must be."""
    row = rows.present(patient, rows.vm(**things.RUNNING, firecracker_pid="1"))
    with things.socket(patient), things.tap(patient), row:
        yield
