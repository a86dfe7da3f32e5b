"""A destroyed VM does not say when."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.destroyed_vms_say_when"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """destroyed_at is NULL."""
    return rows.present(patient, rows.vm(status="'destroyed'"))
