"""A session leaves the bridge with another address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.controller import SESSION, defective, on
from lab.faults.patient import Patient

REDS = {"session.bridge_is_as_before"}
LAYERS = SESSION
_WHAT = 'subprocess.run(["ip", "address", "replace", "192.168.101.1/24", "dev", "fcbr0"], check=True)'
_HEAL = "ip address delete 192.168.101.1/24 dev fcbr0 2>/dev/null || true"


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """Cancelling one adds it."""
    with (
        patient.on_host(do="true", undo=_HEAL),
        defective(patient, on("POST", "/cancel", _WHAT)),
    ):
        yield
