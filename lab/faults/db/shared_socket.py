"""Two live VMs have one API socket."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.live_vms_do_not_share[socket]"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Both hibernate, so the host shows neither."""
    return rows.present(
        patient, *(rows.vm(n, **rows.ALIVE, socket_path="'/run/firecracker/fa017.sock'") for n in (1, 2))
    )
