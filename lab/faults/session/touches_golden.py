"""A session writes to the golden snapshot's files."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, defective, on
from lab.faults.patient import Patient

REDS = {"session.golden_snapshot_is_untouched"}
LAYERS = SESSION
_WHAT = 'pathlib.Path("/var/lib/firecracker/snapshots/manifest.json").touch()'


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Cancelling one touches the manifest."""
    return defective(patient, on("POST", "/cancel", _WHAT))
