"""Things of a VM on the host, without the VM: those that the rows of :mod:`lab.faults.rows` would have."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.patient import Patient

TAP = f"fc-{rows.vm_id(1)[:8]}"
ADDRESS = "192.168.100.250"


def running(patient: Patient) -> dict[str, str]:
    """Columns of a running VM that has all of them, and a firecracker_pid beside."""
    return {
        "status": "'running'",
        "stopped_at": "NULL",
        "ip_address": f"'{ADDRESS}'",
        "tap_device": f"'{TAP}'",
        "socket_path": f"'{_socket_path(patient)}'",
    }


def socket(patient: Patient) -> AbstractContextManager[None]:
    """Its API socket, on which nobody listens."""
    path = _socket_path(patient)
    bind = f"import socket; socket.socket(socket.AF_UNIX).bind('{path}')"
    return patient.on_host(do=f"python3 -c {shlex.quote(bind)}", undo=f"rm -f {path}")


def tap(patient: Patient) -> AbstractContextManager[None]:
    """Its TAP device, a port of the bridge and up."""
    return patient.on_host(
        do=f"ip tuntap add {TAP} mode tap; ip link set {TAP} master fcbr0 up", undo=f"ip link delete {TAP}"
    )


def _socket_path(patient: Patient) -> str:
    return f"{patient.settings.state.sockets_dir}/{rows.vm_id(1)}.sock"
