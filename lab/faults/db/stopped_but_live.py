"""A VM row has a live status, and was stopped."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.live_vms_are_alive"}
LAYERS = ("db",)  # a host has nothing to show for such a row, and rightly says so


def inject(patient: Patient) -> AbstractContextManager[None]:
    """It is stopping since two hours, with no process to expect."""
    return rows.present(patient, rows.vm(status="'running'"))
