"""The TAP device of a VM that nobody knows was left behind: the incident's own."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.no_tap_without_row"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """It is down, and no port of the bridge."""
    return patient.on_host(
        do="ip tuntap add fc-vm-6b038 mode tap",
        undo="ip link delete fc-vm-6b038",
    )
