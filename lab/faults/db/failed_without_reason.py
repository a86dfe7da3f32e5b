"""A failed session does not say why."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.failed_sessions_say_why"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Its error_message is blank."""
    return rows.present(patient, rows.session(status="'failed'", error_message="' '"))
