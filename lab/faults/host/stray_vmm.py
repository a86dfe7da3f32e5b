"""A VMM process runs for a VM that nobody knows."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.no_vmm_without_row"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """It is called firecracker, and is a sleep."""
    return patient.on_host(
        do="mkdir -p /run/fa017; cp /bin/sleep /run/fa017/firecracker; "
        "systemd-run --quiet --collect --unit=fa017-vmm /run/fa017/firecracker 1000",
        undo="systemctl stop fa017-vmm; rm -r /run/fa017",
    )
