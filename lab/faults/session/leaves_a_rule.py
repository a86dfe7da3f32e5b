"""A session leaves a rule in the firewall."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.controller import SESSION, defective, on
from lab.faults.patient import Patient

REDS = {"session.firewall_is_as_before"}
LAYERS = SESSION
_WHAT = 'subprocess.run(["nft", "add", "table", "inet", "fa017"], check=True)'
_HEAL = "nft delete table inet fa017 2>/dev/null || true"


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """Cancelling one adds a table of its own."""
    with (
        patient.on_host(do="true", undo=_HEAL),
        defective(patient, on("POST", "/cancel", _WHAT)),
    ):
        yield
