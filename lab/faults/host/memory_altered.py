"""A byte of the golden memory file was changed."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.golden import copied_snapshot
from lab.faults.patient import Patient

REDS = {"host.snapshot_whole"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Its size is the same."""
    return copied_snapshot(
        patient, "printf X | dd of=browser-vm-golden.mem bs=1 seek=4096 conv=notrunc status=none"
    )
