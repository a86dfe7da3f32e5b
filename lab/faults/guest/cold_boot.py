"""The golden disk boots with a disk error and without the agent, which only the memory snapshot has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.edit import UNIT
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

REDS = {
    "guest.cold_boot_is_healthy_in_time",
    "guest.cold_boot_console_is_clean",
    "guest.cold_boot_is_another_boot",
    "guest.cold_boot_starts_the_agent",
}
LAYERS = ("guest/test_cold_boot.py",)
_SCRIPT = f"""
systemctl disable {UNIT}
echo 'w /dev/console - - - - EXT4-fs error (device vda): ext4_lookup\\r\\n' >/etc/tmpfiles.d/fault.conf
"""


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """What never comes need not be waited for long."""
    with golden_variant(patient, _SCRIPT), patient.profile(guest={"boot_health_s": 30}):
        yield
