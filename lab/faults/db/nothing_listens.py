"""No database answers."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import database
from lab.faults.patient import Patient
from lab.minipc import keys

REDS: set[str] = set()
OTHERS_BROKEN = True


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Nothing listens at its port."""
    url = keys.database_url(patient.paths, "acceptance_ro").replace(":5432/", ":1/")
    return database.reached_by(patient, url)
