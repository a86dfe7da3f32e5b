"""A VM has a type that the service does not know."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import database, rows
from lab.faults.patient import Patient

REDS = {"db.vm_states_are_known"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The table no longer keeps it out."""
    return database.copied(
        patient,
        "ALTER TABLE vms DROP CONSTRAINT vms_vm_type_check",
        rows.vm(vm_type="'toaster'"),
    )
