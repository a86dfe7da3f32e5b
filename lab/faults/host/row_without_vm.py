"""A VM is running by its row, and nothing of it is on the host."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows, things
from lab.faults.patient import Patient

REDS = {"host.live_rows_have_process", "host.live_rows_have_socket", "host.live_rows_have_tap"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Its process has ended, and took all with it."""
    return rows.present(patient, rows.vm(**things.RUNNING, firecracker_pid="999999"))
