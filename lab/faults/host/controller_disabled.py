"""The controller would not come back after a reboot."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.controller_enabled"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """It runs."""
    return patient.on_host(
        do="systemctl disable --quiet master-controller",
        undo="systemctl enable --quiet master-controller",
    )
