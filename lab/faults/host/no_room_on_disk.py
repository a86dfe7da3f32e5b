"""The host's disk is too full for one more clone."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.room_on_disk"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """For a clone that needs a petabyte."""
    return patient.profile(host={"free_disk_mib": 1 << 30})
