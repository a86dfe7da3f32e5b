"""The incident's VM is marked stopped, not destroyed."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"db.incident_vm_is_destroyed"}
INCIDENT = "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2"
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Its row keeps no destroyed_at."""
    return patient.rows(
        insert=f"UPDATE vms SET status = 'stopped', destroyed_at = NULL WHERE vm_id = '{INCIDENT}'",
        remove=f"UPDATE vms SET status = 'destroyed', destroyed_at = stopped_at WHERE vm_id = '{INCIDENT}'",
    )
