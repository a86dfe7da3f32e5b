"""The controller hangs."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.controller_api_answers"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """It is stopped in its tracks, which systemd does not notice."""
    return patient.on_host(
        do="systemctl kill --kill-whom=main -s STOP master-controller",
        undo="systemctl kill --kill-whom=main -s CONT master-controller; systemctl restart master-controller",
    )
