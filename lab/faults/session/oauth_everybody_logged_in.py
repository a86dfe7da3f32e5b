"""The controller takes every login for complete."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import defective
from lab.faults.patient import Patient

REDS = {
    "session.bad_login_fails_cleanly",
    "session.bad_login_leaves_no_credentials",
    "session.credentials_are_the_sessions_own",
}
LAYERS = (
    "session/test_oauth.py::test_bad_login_fails_cleanly",
    "session/test_oauth.py::test_bad_login_leaves_no_credentials",
    "session/test_oauth.py::test_credentials_are_the_sessions_own",
)
_DEFECT = """
from lab.controller.agents import Agents
async def yes(self, machine, session_id):
    return {"authenticated": True}
Agents.credentials_status = yes
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Whatever the VM's agent says."""
    return defective(patient, _DEFECT)
