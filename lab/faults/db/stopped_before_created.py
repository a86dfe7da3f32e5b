"""A VM was stopped before it was created."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.vm_times_are_possible"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """By an hour."""
    return rows.present(patient, rows.vm(stopped_at="now() - interval '4 hours'"))
