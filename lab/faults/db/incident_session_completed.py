"""The incident's session is marked completed, not failed."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"db.incident_session_is_failed"}
INCIDENT = "86549de0-c3bf-4803-8ef6-af99e2436023"
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Everything else in its row stays."""
    return patient.rows(
        insert=f"UPDATE auth_sessions SET status = 'completed' WHERE session_id = '{INCIDENT}'",
        remove=f"UPDATE auth_sessions SET status = 'failed' WHERE session_id = '{INCIDENT}'",
    )
