"""The golden snapshot's memory file is empty."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.golden import copied_snapshot
from lab.faults.patient import Patient

REDS = {"host.snapshot_present", "host.snapshot_whole"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """As a full disk leaves it."""
    return copied_snapshot(patient, ": >browser-vm-golden.mem")
