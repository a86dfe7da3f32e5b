"""The golden disk's kernel finds no drivers and panics when it boots, which ends its VMM."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.golden import golden_copy
from lab.faults.patient import Patient

REDS = {
    "guest.cold_boot_is_healthy_in_time",
    "guest.cold_boot_console_is_clean",
    "guest.cold_boot_is_another_boot",
    "guest.cold_boot_starts_the_agent",
}
LAYERS = ("guest/test_cold_boot.py",)


def inject(patient: Patient) -> AbstractContextManager[None]:
    """A full disk at the wrong moment leaves such an initial RAM disk."""
    return golden_copy(patient, "initrd", 'truncate -s 4096 "$file"')
