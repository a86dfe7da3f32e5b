"""The TAP device of a completed session's VM stays, when all else of it is gone."""

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
_DEFECT = """
from lab.controller import tap
async def leave(device):
    pass
tap.delete = leave
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The controller deletes none; the sound one that comes after it clears what has no row."""
    return defective(patient, _DEFECT)
