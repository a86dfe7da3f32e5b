"""A session leaves a rule about the bridge in the firewall."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, left_by_cancelling
from lab.faults.patient import Patient

REDS = {"session.firewall_is_as_before"}
LAYERS = SESSION
_RULE = 'add table inet fa017; add chain inet fa017 left; add rule inet fa017 left iifname "fcbr0" counter'
_WHAT = f'subprocess.run(["nft", {_RULE!r}], check=True)'
_HEAL = "nft delete table inet fa017 2>/dev/null || true"


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Cancelling one adds a table of its own, with a rule that no packet comes to."""
    return left_by_cancelling(patient, _WHAT, undo=_HEAL)
