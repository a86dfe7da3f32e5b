"""An unfinished session is on a VM that was stopped."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.live_sessions_have_a_live_vm"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The VM is stopped, the session ready."""
    return rows.present(
        patient, rows.vm(), rows.session(**rows.UNFINISHED, browser_vm_id=f"'{rows.vm_id(1)}'")
    )
