"""An unfinished session is past its deadline."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.unfinished_sessions_are_in_time"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Its VM lives on."""
    return rows.present(
        patient,
        rows.vm(**rows.ALIVE),
        rows.session(
            **{**rows.UNFINISHED, "timeout_at": "now() - interval '5 minutes'"},
            browser_vm_id=f"'{rows.vm_id(1)}'",
        ),
    )
