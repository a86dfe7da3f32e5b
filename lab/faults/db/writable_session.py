"""Our session could write: what it sets about itself is dropped, as some poolers do."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import database
from lab.faults.patient import Patient

REDS = {"db.session_is_read_only"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Nor does its role begin transactions read-only."""
    return database.copied(
        patient,
        f"ALTER ROLE acceptance_ro IN DATABASE {database.NAME} SET default_transaction_read_only = off",
        database.replaced(
            "set_config(text, text, boolean) RETURNS text",
            "SELECT $2",
        ),
    )
