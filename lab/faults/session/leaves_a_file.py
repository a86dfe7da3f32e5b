"""A session leaves a file among the folders of VMs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.controller import SESSION, defective, on
from lab.faults.patient import Patient

REDS = {"session.host_is_as_before"}
LAYERS = SESSION
_WHAT = 'pathlib.Path("/var/lib/firecracker/vms/fa017-note").touch()'
_HEAL = "rm -f /var/lib/firecracker/vms/fa017-note"


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """Cancelling one writes a note."""
    with (
        patient.on_host(do="true", undo=_HEAL),
        defective(patient, on("POST", "/cancel", _WHAT)),
    ):
        yield
