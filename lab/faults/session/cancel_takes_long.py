"""The answer to a request to cancel comes late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.controller import SESSION, defective, on
from lab.faults.patient import Patient

REDS = {"session.cancel_is_answered_in_time"}
LAYERS = SESSION
_WHAT = """
if "late" not in globals():
    globals()["late"] = True
    await asyncio.sleep(3)
"""


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """The first comes three seconds after the VM's end, which is too late here."""
    with patient.profile(session={"end_s": 3}), defective(patient, on("POST", "/cancel", _WHAT)):
        yield
