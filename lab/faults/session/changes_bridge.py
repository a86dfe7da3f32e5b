"""A session leaves the bridge with another address."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, left_by_cancelling
from lab.faults.patient import Patient

REDS = {"session.bridge_is_as_before"}
LAYERS = SESSION
_WHAT = 'subprocess.run(["ip", "address", "replace", "192.168.101.1/24", "dev", "fcbr0"], check=True)'
_HEAL = "ip address delete 192.168.101.1/24 dev fcbr0 2>/dev/null || true"


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Cancelling one adds it."""
    return left_by_cancelling(patient, _WHAT, undo=_HEAL)
