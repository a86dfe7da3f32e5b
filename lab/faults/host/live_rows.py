"""A VM is running by its row, and the host does not show what the row promises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults import rows, things
from lab.faults.fault import fault
from lab.faults.live_vm import live_vm
from lab.faults.patient import Patient

INVENTORY = ("db", "host/test_inventory.py")


@fault(
    reds={"host.live_rows_have_process", "host.live_rows_have_socket", "host.live_rows_have_tap"},
    asks=INVENTORY,
)
def row_without_vm(patient: Patient) -> AbstractContextManager[None]:
    """A VM is running by its row, and nothing of it is on the host: its process took all with it."""
    return rows.present(patient, rows.vm(**things.running(patient), firecracker_pid="999999"))


@fault(reds={"host.live_rows_have_process"}, asks=INVENTORY)
@contextmanager
def row_with_foreign_pid(patient: Patient) -> Iterator[None]:
    """A running VM's pid in its row is that of another process, and not of a VMM.

    It is pid 1; socket and TAP device are as they must be.
    """
    row = rows.present(patient, rows.vm(**things.running(patient), firecracker_pid="1"))
    with things.socket(patient), things.tap(patient), row:
        yield


@fault(reds={"host.live_rows_have_socket"}, asks=INVENTORY)
@contextmanager
def vm_without_socket(patient: Patient) -> Iterator[None]:
    """A running VM's API socket was removed; the VM runs on."""
    with live_vm(patient) as vm:
        patient.host(f"rm {vm.socket}")
        yield


@fault(reds={"host.live_rows_have_tap"}, asks=INVENTORY)
@contextmanager
def vm_off_the_bridge(patient: Patient) -> Iterator[None]:
    """A running VM's TAP device is no port of the bridge; the VM runs on."""
    with live_vm(patient) as vm:
        patient.host(f"ip link set {vm.tap} nomaster")
        yield
