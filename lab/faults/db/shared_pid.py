"""Two live VMs have one process."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.live_vms_do_not_share[pid]"}
LAYERS = ("db",)  # the host has no such process, and rightly says so


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Both are running, by their rows."""
    running = {"status": "'running'", "stopped_at": "NULL", "firecracker_pid": "999999"}
    return rows.present(patient, *(rows.vm(n, **running) for n in (1, 2)))
