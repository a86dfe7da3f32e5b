"""A VM with a live status has not been heard of for an hour."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.live_vms_are_alive"}


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """The profile allows a minute of silence."""
    silent = rows.vm(status="'running'", stopped_at="NULL", last_heartbeat="now() - interval '1 hour'")
    with patient.profile(database={"heartbeat_limit_s": 60}), rows.present(patient, silent):
        yield
