"""Things of a VM on the host, without the VM: those that the rows of :mod:`lab.faults.rows` would have."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

ADDRESS = "192.168.100.250"


def running(patient: Patient) -> dict[str, str]:
    """Columns of a running VM that has all of them, and a firecracker_pid beside."""
    return {
        "status": "'running'",
        "stopped_at": "NULL",
        "ip_address": f"'{ADDRESS}'",
        "tap_device": f"'{patient.settings.state.tap_of(rows.vm_id(1))}'",
        "socket_path": f"'{_socket_path(patient)}'",
    }


def socket(patient: Patient) -> AbstractContextManager[None]:
    """Its API socket, on which nobody listens."""
    path = _socket_path(patient)
    bind = f"import socket; socket.socket(socket.AF_UNIX).bind('{path}')"
    return patient.on_host(do=f"python3 -c {shlex.quote(bind)}", undo=f"rm -f {path}")


def tap(patient: Patient) -> AbstractContextManager[None]:
    """Its TAP device, a port of the bridge and up; or up in a namespace of its own."""
    name = patient.settings.state.tap_of(rows.vm_id(1))
    if patient.settings.state.is_every_vms(name):
        return tap_apart(patient, rows.vm_id(1), "up")
    return patient.on_host(
        do=f"ip tuntap add {name} mode tap; ip link set {name} master fcbr0 up", undo=f"ip link delete {name}"
    )


def stray_tap(patient: Patient, vm_id: str) -> AbstractContextManager[None]:
    """The TAP device of a VM, which is down, and no port of the bridge."""
    name = patient.settings.state.tap_of(vm_id)
    if patient.settings.state.is_every_vms(name):
        return tap_apart(patient, vm_id, "down")
    return patient.on_host(do=f"ip tuntap add {name} mode tap", undo=f"ip link delete {name}")


def tap_apart(patient: Patient, vm_id: str, state: str) -> AbstractContextManager[None]:
    """That of a VM in a network namespace that is called by it."""
    name = patient.settings.state.tap_of(vm_id)
    made = (f"tuntap add {name} mode tap", f"link set {name} {state}")
    do = "; ".join(f"ip -netns {vm_id} {one}" for one in made)
    return patient.on_host(do=f"ip netns add {vm_id}; {do}", undo=f"ip netns delete {vm_id}")


def _socket_path(patient: Patient) -> str:
    return f"{patient.settings.state.sockets_dir}/{rows.vm_id(1)}.sock"
