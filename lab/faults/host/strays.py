"""Something of a VM that nobody knows was left behind."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows, things
from lab.faults.fault import fault
from lab.faults.patient import Patient


@fault(reds={"host.no_vmm_without_row"})
def stray_vmm(patient: Patient) -> AbstractContextManager[None]:
    """A VMM process runs for a VM that nobody knows: it is called firecracker, and is a sleep."""
    return patient.on_host(
        do="mkdir -p /run/fa017; cp /bin/sleep /run/fa017/firecracker; "
        "systemd-run --quiet --collect --unit=fa017-vmm /run/fa017/firecracker 1000",
        undo="systemctl stop fa017-vmm; rm -r /run/fa017",
    )


@fault(reds={"host.no_vm_files_without_row"})
def stray_vm_folder(patient: Patient) -> AbstractContextManager[None]:
    """The folder of a VM that nobody knows was left behind, empty."""
    folder = f"{patient.settings.state.vms_dir}/{rows.vm_id(1)}"
    return patient.on_host(do=f"mkdir {folder}", undo=f"rmdir {folder}")


@fault(reds={"host.no_socket_without_row"})
def stray_socket(patient: Patient) -> AbstractContextManager[None]:
    """The API socket of a VM that nobody knows was left behind, and nobody listens on it."""
    return things.socket(patient)


@fault(reds={"host.no_tap_without_row"})
def stray_tap(patient: Patient) -> AbstractContextManager[None]:
    """The TAP device of a VM that nobody knows was left behind: the incident's own.

    It is down, and no port of the bridge.
    """
    return things.stray_tap(patient, "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2")


@fault(reds={"host.no_tap_without_row"})
def stray_namespace(patient: Patient) -> AbstractContextManager[None]:
    """The network namespace of a VM that nobody knows was left behind, with no TAP device in it."""
    name = rows.vm_id(1)
    return patient.on_host(do=f"ip netns add {name}", undo=f"ip netns delete {name}")
