"""A session was completed tomorrow."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.session_times_are_possible"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """completed_at lies a day ahead."""
    return rows.present(patient, rows.session(completed_at="now() + interval '1 day'"))
