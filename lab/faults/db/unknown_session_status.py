"""A session has a status that the service does not know."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.session_statuses_are_known"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """An unfinished session with a status of its own, on a live VM."""
    return rows.present(
        patient,
        rows.vm(**rows.ALIVE),
        rows.session(**{**rows.UNFINISHED, "status": "'dreaming'", "browser_vm_id": f"'{rows.vm_id(1)}'"}),
    )
