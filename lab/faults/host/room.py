"""There is no room for one more clone."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.fault import fault
from lab.faults.patient import Patient

_A_PETABYTE_MIB = 1 << 30


@fault(reds={"host.room_on_disk"})
def no_room_on_disk(patient: Patient) -> AbstractContextManager[None]:
    """The host's disk is too full for one more clone, one that needs a petabyte."""
    return patient.profile(host={"free_disk_mib": _A_PETABYTE_MIB})


@fault(reds={"host.room_in_memory"})
def no_room_in_memory(patient: Patient) -> AbstractContextManager[None]:
    """The host has too little memory for one more clone, one that needs a petabyte."""
    return patient.profile(host={"free_memory_mib": _A_PETABYTE_MIB})
