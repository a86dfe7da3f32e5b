"""A byte of the golden memory file was changed."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.golden import golden_copy
from lab.faults.patient import Patient

REDS = {"host.snapshot_whole"}
LAYERS = ("host/test_snapshot.py", "host/test_vmm.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Its size is the same."""
    return golden_copy(patient, "memory", "printf X | dd of=$file bs=1 seek=4096 conv=notrunc status=none")
