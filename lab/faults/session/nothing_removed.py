"""A cancelled session's VM is called destroyed, and all of it is still there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.controller import SESSION, defective
from lab.faults.patient import Patient

REDS = {"session.nothing_of_the_vm_is_left", "session.host_is_as_before"}
LAYERS = SESSION
_DEFECT = """
from lab.controller import vm
async def leave(machine):
    pass
vm.remove = leave
"""


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """The controller removes nothing; the sound one that comes after it clears what has no row."""
    with patient.profile(session={"end_s": 5}), defective(patient, _DEFECT):
        yield
