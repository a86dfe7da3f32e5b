"""How a VM comes to life: from the snapshot, and by a boot of the golden disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults.edit import UNIT
from lab.faults.fault import behind, fault
from lab.faults.golden import golden_copy
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

RESTORED = ("guest/test_restored.py",)
OF_A_CLONE = tuple(
    f"guest/test_restored.py::test_{check}"
    for check in (
        *("clone_resumes_from_the_snapshot", "snapshot_is_loaded"),
        *("clone_did_not_boot", "console_is_clean"),
        *("boot_is_the_snapshots[golden]", "no_unit_failed[golden]"),
    )
)
COLD_BOOT = ("guest/test_cold_boot.py",)
NO_GOOD_BOOT = {"guest.cold_boot_is_healthy_in_time", "guest.cold_boot_console_is_clean"}
NO_BOOT = behind(
    "guest.cold_boot_is_healthy_in_time",
    ("guest.cold_boot_is_another_boot", "guest.cold_boot_starts_the_agent"),
)


@fault(
    reds={"guest.clone_resumes_from_the_snapshot", "guest.snapshot_is_loaded"},
    behind=behind(
        "guest.clone_resumes_from_the_snapshot",
        (
            *("guest.clone_did_not_boot", "guest.console_is_clean"),
            *("guest.boot_is_the_snapshots[golden]", "guest.no_unit_failed[golden]"),
        ),
    ),
    asks=OF_A_CLONE,
    cause="snapshot.vmstate_damaged",
)
def truncated_vmstate(patient: Patient) -> AbstractContextManager[None]:
    """The snapshot's device state was cut off, so no clone comes to life.

    A full disk at the wrong moment leaves such a file.
    """
    return golden_copy(patient, "vmstate", 'truncate -s 4096 "$file"')


_TALKER = """
import time
while True:
    with open("/dev/console", "w") as console:
        console.write("\\r\\nEXT4-fs error (device vda): ext4_lookup\\r\\n")
    time.sleep(0.1)
"""
_TALK_AND_FAIL = f"""
systemd-run --quiet --unit=talker python3 -S -c '{_TALKER}'
systemd-run --quiet --unit=restless --property=Restart=always --property=RestartSec=3600 false
echo 1.00 1.00 >/root/uptime
mount --bind /root/uptime /proc/uptime
"""
_OTHER_BOOT = """sed -i 's/"boot_id": *"[^"]*"/"boot_id": "00000000-fa17-4000-8000-000000000000"/' "$file" """


@fault(
    reds={
        "guest.clone_did_not_boot",
        "guest.console_is_clean",
        "guest.boot_is_the_snapshots",
        "guest.no_unit_failed[golden]",
    },
    asks=RESTORED,
)
@contextmanager
def restored(patient: Patient) -> Iterator[None]:
    """The clone's kernel has just started, its console tells of a broken disk, its boot is another one, and a
    unit that failed is to be restarted in an hour.

    Whoever writes to the console is frozen with the rest, and goes on in each clone. The lab's VMM restores
    whatever it is told to, so a file stands in for the kernel's age: it says what that of a booted VM would.
    """
    with golden_variant(patient, _TALK_AND_FAIL), golden_copy(patient, "manifest", _OTHER_BOOT):
        yield


HANG = """
printf '[Service]\\nWatchdogSec=20\\n' >/etc/systemd/system/systemd-udevd.service.d/restored.conf
systemctl daemon-reload
systemctl restart systemd-udevd
kill -STOP "$(systemctl show -P MainPID systemd-udevd)"
until [ "$(systemctl show -P NRestarts systemd-udevd)" -gt 0 ]; do sleep 1; done
"""


@fault(reds={"guest.no_watchdog_fired[golden]"}, asks=RESTORED)
def watchdog_fired(patient: Patient) -> AbstractContextManager[None]:
    """A service with a watchdog was silent for longer than that is patient, and was killed and restarted."""
    return golden_variant(patient, HANG)


_BOOT_BADLY = f"""
systemctl disable {UNIT}
echo 'w /dev/console - - - - EXT4-fs error (device vda): ext4_lookup\\r\\n' >/etc/tmpfiles.d/fault.conf
"""


@fault(
    reds=NO_GOOD_BOOT,
    behind=NO_BOOT,
    alone={"guest.cold_boot_is_another_boot", "guest.cold_boot_starts_the_agent"},
    asks=COLD_BOOT,
    cause="boot.disk_error",
)
@contextmanager
def cold_boot(patient: Patient) -> Iterator[None]:
    """The golden disk boots with a disk error and without the agent, which only the memory snapshot has.

    What never comes need not be waited for long.
    """
    with golden_variant(patient, _BOOT_BADLY), patient.profile(guest={"boot_health_s": 30}):
        yield


@fault(reds=NO_GOOD_BOOT, behind=NO_BOOT, asks=COLD_BOOT, cause="boot.initrd_damaged")
def cold_boot_panics(patient: Patient) -> AbstractContextManager[None]:
    """The golden disk's kernel finds no drivers and panics when it boots, which ends its VMM.

    A full disk at the wrong moment leaves such an initial RAM disk.
    """
    return golden_copy(patient, "initrd", 'truncate -s 4096 "$file"')
