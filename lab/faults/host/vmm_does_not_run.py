"""The VMM's binary does not run."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.vmm_runs", "host.vmm_version", "host.snapshot_loadable"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """So it tells no version, and loads no snapshot."""
    return patient.profile(vmm={"binary": "/bin/false"})
