"""The row of a session's VM says nothing true of its size."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, trigger
from lab.faults.patient import Patient

REDS = {"session.vm_row_is_complete"}
LAYERS = SESSION


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The database writes another number of vCPUs."""
    begin, end = trigger("vms", when="true", what="NEW.vcpu_count := 63;")
    return patient.rows(insert=begin, remove=end)
