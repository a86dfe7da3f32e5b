"""The VMs' bridge is down."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.bridge_up"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """It has its address."""
    return patient.on_host(
        do="ip link set fcbr0 down",
        undo="ip link set fcbr0 up",
    )
