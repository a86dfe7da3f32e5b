"""The row of a completed session's VM does not say that it was destroyed."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import trigger
from lab.faults.patient import Patient

REDS = {
    "session.completed_sessions_vm_is_gone",
}
LAYERS = (
    "session/test_oauth.py::test_completed_sessions_vm_is_gone",
    "session/test_oauth.py::test_login_in_the_window_completes",
)
_WHAT = "NEW.status := 'stopped'; NEW.destroyed_at := NULL;"


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The database makes it a stopped one."""
    begin, end = trigger("vms", when="NEW.status = 'destroyed'", what=_WHAT)
    return patient.rows(insert=begin, remove=end)
