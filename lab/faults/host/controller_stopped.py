"""The controller is stopped."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.controller_active", "host.controller_api_answers"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """By systemctl."""
    return patient.on_host(
        do="systemctl stop master-controller",
        undo="systemctl start master-controller",
    )
