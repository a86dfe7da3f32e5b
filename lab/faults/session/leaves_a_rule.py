"""A session leaves a rule in the firewall."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, left_by_cancelling
from lab.faults.patient import Patient

REDS = {"session.firewall_is_as_before"}
LAYERS = SESSION
_WHAT = 'subprocess.run(["nft", "add", "table", "inet", "fa017"], check=True)'
_HEAL = "nft delete table inet fa017 2>/dev/null || true"


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Cancelling one adds a table of its own."""
    return left_by_cancelling(patient, _WHAT, undo=_HEAL)
