"""A session leaves a file among the folders of VMs."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, left_by_cancelling
from lab.faults.patient import Patient

REDS = {"session.host_is_as_before"}
LAYERS = SESSION
_WHAT = 'pathlib.Path("/var/lib/firecracker/vms/fa017-note").touch()'
_HEAL = "rm -f /var/lib/firecracker/vms/fa017-note"


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Cancelling one writes a note."""
    return left_by_cancelling(patient, _WHAT, undo=_HEAL)
