"""The folder of a VM that nobody knows was left behind."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"host.no_vm_files_without_row"}
FOLDER = f"/var/lib/firecracker/vms/{rows.vm_id(1)}"


def inject(patient: Patient) -> AbstractContextManager[None]:
    """It is empty."""
    return patient.on_host(
        do=f"mkdir {FOLDER}",
        undo=f"rmdir {FOLDER}",
    )
