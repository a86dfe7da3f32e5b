"""The answer to a request for a session is not as documented."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, defective, on
from lab.faults.patient import Patient

REDS = {"session.start_answer_is_complete"}
LAYERS = SESSION
_WHAT = """
answer.text = json.dumps({**body, "success": 1, "novncURL": "/novnc"})
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """It names no whole URL, and `success` is a number."""
    return defective(patient, on("POST", "/api/auth/start", _WHAT))
