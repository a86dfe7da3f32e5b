"""A destroyed Browser VM was never cleaned up."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.no_old_destroyed_vms"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """It was destroyed two days ago."""
    return rows.present(
        patient,
        rows.vm(
            status="'destroyed'",
            created_at="now() - interval '3 days'",
            started_at="NULL",
            stopped_at="NULL",
            destroyed_at="now() - interval '2 days'",
        ),
    )
