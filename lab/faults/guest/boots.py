"""The golden disk does not come up when it is booted, each time for another cause that its console tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.fault import Fault, Inject
from lab.faults.golden import golden_copy
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant
from lab.image.disk import UNIT_IN_GUEST

HEALTHY = "guest.cold_boot_is_healthy_in_time"
ASKS = ("guest/test_cold_boot.py::test_cold_boot_is_healthy_in_time",)
_PATIENCE_S = 45
_HUNGRY = f"""
    mkdir -p {UNIT_IN_GUEST}.d
    echo '[Service]' >{UNIT_IN_GUEST}.d/hungry.conf
    echo 'ExecStartPre=+systemd-run --quiet --scope tail /dev/zero' >>{UNIT_IN_GUEST}.d/hungry.conf
"""
"""In a scope of its own, which the limit of the agent's unit is not for."""


def _argument(words: str) -> Inject:
    """The kernel is told something more."""

    @contextmanager
    def inject(patient: Patient) -> Iterator[None]:
        told = f"{patient.settings.snapshot.boot_args} {words}"
        with patient.profile(snapshot={"boot_args": told}):
            yield

    return inject


def _boots(name: str, cause: str, breaks: str, inject: Inject) -> Fault:
    @contextmanager
    def patiently(patient: Patient) -> Iterator[None]:
        with inject(patient), patient.profile(guest={"boot_health_s": _PATIENCE_S}):
            yield

    return Fault(f"guest.{name}", breaks, patiently, ASKS, frozenset({HEALTHY}), cause=cause)


FAULTS = (
    _boots(
        "no_file_system_on_disk",
        "boot.no_root_device",
        "The beginning of the golden disk is overwritten, so that no file system is found on it.",
        lambda patient: golden_copy(
            patient, "disk", 'dd if=/dev/zero of="$file" bs=1M count=4 conv=notrunc status=none'
        ),
    ),
    _boots(
        "init_ends",
        "boot.kernel_panic",
        "The kernel is told to start a program that ends at once, and panics.",
        _argument("rdinit=/bin/busybox"),
    ),
    _boots(
        "no_memory_for_a_kernel",
        "boot.no_memory_to_boot",
        "The kernel is told of so little memory that it cannot unpack what it boots from.",
        _argument("mem=48M"),
    ),
    _boots(
        "no_memory_for_its_programs",
        "boot.out_of_memory",
        "Before the agent, a program is started that takes all memory there is, until the kernel kills it.",
        lambda patient: golden_variant(patient, _HUNGRY),
    ),
    _boots(
        "waits_for_a_device",
        "boot.device_missing",
        "The golden disk's fstab names a device that no VM has.",
        lambda patient: golden_variant(
            patient, "echo '/dev/vdz /data ext4 x-systemd.device-timeout=2s 0 0' >>/etc/fstab"
        ),
    ),
    _boots(
        "boots_to_emergency",
        "boot.emergency_mode",
        "The kernel's arguments have systemd stop in emergency mode.",
        _argument("systemd.unit=emergency.target"),
    ),
    _boots(
        "told_another_address",
        "network.wrong_ip_argument",
        "The kernel is told an address that is not the VM's.",
        _argument("ip=192.168.100.77::192.168.100.1:255.255.255.0::eth0:off"),
    ),
)
