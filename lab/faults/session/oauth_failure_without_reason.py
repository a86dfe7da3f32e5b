"""A session whose login failed does not say why."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import trigger
from lab.faults.patient import Patient

REDS = {
    "session.bad_login_fails_cleanly",
}
LAYERS = (
    "session/test_oauth.py::test_bad_login_fails_cleanly",
    "session/test_oauth.py::test_bad_login_leaves_no_credentials",
)


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The database drops the reason."""
    begin, end = trigger("auth_sessions", when="NEW.status = 'failed'", what="NEW.error_message := '';")
    gone = "DELETE FROM auth_sessions WHERE status = 'failed' AND error_message = ''"
    return patient.rows(insert=begin, remove=f"{end}; {gone}")
