"""The clone's console tells of a boot and of a broken disk, a unit failed, and the boot is another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.golden import golden_copy
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

REDS = {
    "guest.clone_did_not_boot",
    "guest.console_is_clean",
    "guest.boot_is_the_snapshots",
    "guest.no_unit_failed",
}
LAYERS = ("guest/test_restored.py",)
_TALKER = """
import time
while True:
    with open("/dev/console", "w") as console:
        console.write("\\r\\nLinux version 6.1\\r\\nEXT4-fs error (device vda): ext4_lookup\\r\\n")
    time.sleep(0.1)
"""
_SCRIPT = f"""
systemd-run --quiet --unit=talker python3 -S -c '{_TALKER}'
systemd-run --quiet --unit=broken false
"""
_OTHER_BOOT = """sed -i 's/"boot_id": *"[^"]*"/"boot_id": "00000000-fa17-4000-8000-000000000000"/' "$file" """


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """Whoever writes to the console is frozen with the rest, and goes on in each clone."""
    with golden_variant(patient, _SCRIPT), golden_copy(patient, "manifest", _OTHER_BOOT):
        yield
