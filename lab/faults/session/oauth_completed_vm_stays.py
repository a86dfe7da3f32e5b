"""The VM of a completed session goes on running."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import defective
from lab.faults.patient import Patient

REDS = {
    "session.completed_sessions_vm_is_gone",
}
LAYERS = (
    "session/test_oauth.py::test_completed_sessions_vm_is_gone",
    "session/test_oauth.py::test_login_in_the_window_completes",
)
_DEFECT = 'os.environ["COMPLETED_LINGER_S"] = "600"'


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Nobody waits for it any more."""
    return defective(patient, _DEFECT)
