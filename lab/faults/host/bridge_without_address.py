"""The VMs' bridge has lost its address."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.bridge_up"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """It is up."""
    return patient.on_host(
        do="ip address delete 192.168.100.1/24 dev fcbr0",
        undo="ip address add 192.168.100.1/24 dev fcbr0",
    )
