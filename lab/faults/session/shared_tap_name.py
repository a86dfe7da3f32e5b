"""Two VMs have the same TAP device in their rows."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, trigger
from lab.faults.patient import Patient

REDS = {"session.sessions_share_nothing"}
LAYERS = SESSION


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The database writes one name for all of the suite's users."""
    begin, end = trigger("vms", when="true", what="NEW.tap_device := 'fc-fa017';")
    return patient.rows(insert=begin, remove=end)
