"""The installed VMM is not of the expected version."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient

REDS = {"host.vmm_version"}


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The profile expects another."""
    return patient.profile(vmm={"version": "0."})
