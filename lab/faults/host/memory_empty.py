"""The golden snapshot's memory file is empty."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.golden import golden_copy
from lab.faults.patient import Patient

REDS = {"host.snapshot_present", "host.snapshot_whole"}
LAYERS = ("host/test_snapshot.py", "host/test_vmm.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """As a full disk leaves it."""
    return golden_copy(patient, "memory", ": >$file")
