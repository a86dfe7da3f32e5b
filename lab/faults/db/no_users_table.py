"""There is no table of users."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import database
from lab.faults.patient import Patient

REDS = {"db.tables_and_columns_are_there"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """It has another name."""
    return database.copied(patient, "ALTER TABLE users RENAME TO people")
