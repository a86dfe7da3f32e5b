"""Two unfinished sessions have one Browser VM."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.live_sessions_do_not_share_a_vm"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Both are ready, the VM is live."""
    return rows.present(
        patient,
        rows.vm(**rows.ALIVE),
        *(rows.session(n, **rows.UNFINISHED, browser_vm_id=f"'{rows.vm_id(1)}'") for n in (1, 2)),
    )
