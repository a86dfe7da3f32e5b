"""The snapshot's device state was cut off, so no clone comes to life."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.golden import golden_copy
from lab.faults.patient import Patient

REDS = {"guest.clone_resumes_from_the_snapshot"}
OTHERS_BROKEN = True
LAYERS = ("guest/test_restored.py",)


def inject(patient: Patient) -> AbstractContextManager[None]:
    """A full disk at the wrong moment leaves such a file."""
    return golden_copy(patient, "vmstate", 'truncate -s 4096 "$file"')
