"""The row of a session that goes on holds an error."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, trigger
from lab.faults.patient import Patient

REDS = {"session.session_row_is_complete"}
LAYERS = SESSION
_WHAT = "NEW.error_message := 'fault';"


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The database writes one into every session of the suite's users."""
    begin, end = trigger("auth_sessions", when="NEW.status NOT IN ('started', 'failed')", what=_WHAT)
    return patient.rows(insert=begin, remove=end)
