"""The golden snapshot's device state is damaged."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.golden import golden_copy
from lab.faults.patient import Patient

REDS = {"host.snapshot_whole", "host.snapshot_loadable"}
LAYERS = ("host/test_snapshot.py", "host/test_vmm.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Its beginning is overwritten."""
    return golden_copy(patient, "vmstate", "printf X | dd of=$file bs=1 seek=0 conv=notrunc status=none")
