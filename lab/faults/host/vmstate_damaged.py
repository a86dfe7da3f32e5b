"""The golden snapshot's device state is damaged."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.golden import copied_snapshot
from lab.faults.patient import Patient

REDS = {"host.snapshot_whole", "host.snapshot_loadable"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Its beginning is overwritten."""
    return copied_snapshot(
        patient, "printf X | dd of=browser-vm-golden.snap bs=1 seek=0 conv=notrunc status=none"
    )
