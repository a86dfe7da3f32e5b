"""The agents of VMs can be reached by the controller, and by nobody else on the host."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION
from lab.faults.patient import Patient

REDS = {"session.health_passes_from_the_host"}
LAYERS = SESSION


def inject(patient: Patient) -> AbstractContextManager[None]:
    """A rule rejects what users other than root send to port 8080."""
    return patient.on_host(
        do="nft add table inet fa017; "
        "nft 'add chain inet fa017 output { type filter hook output priority 0; }'; "
        "nft add rule inet fa017 output tcp dport 8080 meta skuid != 0 reject with tcp reset",
        undo="nft delete table inet fa017",
    )
