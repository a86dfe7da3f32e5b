"""A session whose VM is healthy is said to be only started."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, defective, on
from lab.faults.patient import Patient

REDS = {"session.session_is_ready", "session.other_session_goes_on"}
LAYERS = SESSION
_WHAT = """
if "session" in body and body["session"]["status"] != "cancelled":
    answer.text = json.dumps({"session": {**body["session"], "status": "started"}})
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The API has another status than the row."""
    return defective(patient, on("GET", "", _WHAT))
