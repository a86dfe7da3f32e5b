"""Two live VMs have one address."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

REDS = {"db.live_vms_do_not_share[address]", "host.addresses_unique"}
LAYERS = ("db", "host/test_inventory.py")


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Both hibernate, so the host shows neither."""
    return rows.present(patient, *(rows.vm(n, **rows.ALIVE, ip_address="'192.168.100.250'") for n in (1, 2)))
