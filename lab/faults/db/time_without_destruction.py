"""A stopped VM says when it was destroyed."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.destroyed_vms_say_when"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """destroyed_at is set."""
    return rows.present(patient, rows.vm(destroyed_at="now() - interval '1 hour'"))
