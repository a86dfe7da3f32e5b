"""A cancelled session does not say when it ended."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, trigger
from lab.faults.patient import Patient

REDS = {"session.cancelled_session_is_over"}
LAYERS = SESSION


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The database drops the time."""
    begin, end = trigger("auth_sessions", when="NEW.status = 'cancelled'", what="NEW.completed_at := NULL;")
    return patient.rows(insert=begin, remove=end)
