"""The controller's unit file is gone."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.controller_loaded", "host.controller_enabled"}
UNIT = "/etc/systemd/system/master-controller.service"


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Its process runs on."""
    return patient.on_host(
        do=f"mv {UNIT} /run/fa017.service; systemctl daemon-reload",
        undo=f"mv /run/fa017.service {UNIT}; systemctl daemon-reload",
    )
