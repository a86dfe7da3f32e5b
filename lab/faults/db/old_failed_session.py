"""A failed session was never cleaned up."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.no_old_failed_sessions"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """It is two days old."""
    return rows.present(
        patient,
        rows.session(
            status="'failed'",
            error_message="'reason'",
            created_at="now() - interval '2 days'",
            started_at="now() - interval '2 days'",
        ),
    )
