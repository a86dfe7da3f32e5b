"""The row of a cancelled session's VM does not say that it was destroyed."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, trigger
from lab.faults.patient import Patient

REDS = {"session.cancelled_vm_is_destroyed"}
LAYERS = SESSION
_WHAT = "NEW.status := 'stopped'; NEW.destroyed_at := NULL;"


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The database makes it a stopped one."""
    begin, end = trigger("vms", when="NEW.status = 'destroyed'", what=_WHAT)
    return patient.rows(insert=begin, remove=end)
