"""The table of sessions has no error_message."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import database
from lab.faults.patient import Patient

REDS = {"db.tables_and_columns_are_there"}
LAYERS = ("db", "host/test_inventory.py")
BROKEN = {"db.sees_every_row", *database.SESSION_CLAIMS}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The column has another name, so no claim about sessions can be asked."""
    return database.copied(patient, "ALTER TABLE auth_sessions RENAME error_message TO reason")
