"""Nothing tells how old a session is."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import database
from lab.faults.patient import Patient

REDS = {"db.session_age_is_known"}
LAYERS = ("db", "host/test_inventory.py")
BROKEN = {"db.sees_every_row", *database.SESSION_CLAIMS}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Neither column is there, so no claim about sessions can be asked."""
    return database.copied(
        patient, "ALTER TABLE auth_sessions DROP COLUMN created_at, DROP COLUMN started_at"
    )
