"""A step of the launch is not in the controller's journal."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, defective
from lab.faults.patient import Patient

REDS = {"session.launch_markers_come_in_order", "session.launch_markers_come_in_time"}
LAYERS = SESSION
_DEFECT = """
from lab.controller import journal
say = journal.info
journal.info = lambda text, **more: None if "Attempting health" in text else say(text, **more)
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """No attempt at a health check is logged."""
    return defective(patient, _DEFECT)
