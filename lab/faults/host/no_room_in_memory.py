"""The host has too little memory for one more clone."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.room_in_memory"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """For a clone that needs a petabyte."""
    return patient.profile(host={"free_memory_mib": 1 << 30})
