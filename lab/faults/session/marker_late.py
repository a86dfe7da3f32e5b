"""A step of the launch is in the controller's journal too late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.controller import SESSION, defective
from lab.faults.patient import Patient

REDS = {"session.launch_markers_come_in_time"}
LAYERS = SESSION
_DEFECT = """
import time
from lab.controller import journal
say = journal.info
def say_late(text, **more):
    if "Starting Browser VM" in text:
        time.sleep(2)
    say(text, **more)
journal.info = say_late
"""


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """It says that it starts a VM two seconds after it was asked; here one second is allowed."""
    with patient.profile(session={"marker_s": [1, 30, 90]}), defective(patient, _DEFECT):
        yield
