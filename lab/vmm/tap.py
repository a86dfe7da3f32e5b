"""Opening TAP devices as Firecracker does: when the interface is configured, and never shared."""

import errno
import fcntl
import os
import re
import secrets
import struct
import time

from lab.vmm.bodies import NetworkInterface
from lab.vmm.faults import Fault
from lab.vmm.qemu.process import Nic

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
MAX_NAME = 15
PATIENCE, STEP = 0.5, 0.01
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_WHY = {
    errno.EBUSY: "it is held by another process (resource busy)",
    errno.EPERM: "it does not exist and may not be created, or belongs to another user",
    errno.EINVAL: "it is not a TAP device",
}


def open_nic(config: NetworkInterface) -> Nic:
    """The interface with its TAP opened; a Fault says why it could not be."""
    mac = config.guest_mac or _random_mac()
    if not _MAC.fullmatch(mac):
        raise Fault(f"Invalid guest_mac {mac!r}: six pairs of hexadecimal digits with colons are expected.")
    if config.mtu is not None and not 68 <= config.mtu <= 65535:
        raise Fault(f"Invalid mtu {config.mtu}: 68 to 65535 is allowed.")
    return Nic(config, open_tap(config.host_dev_name), mac.lower())


def open_tap(name: str) -> int:
    """A file descriptor of the TAP ``name`` in this network namespace."""
    if not 0 < len(name.encode()) <= MAX_NAME:
        raise Fault(f"Open tap device failed: Invalid TAP device name {name!r}: 1 to {MAX_NAME} bytes.")
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Fault(
            f"Open tap device failed: /dev/net/tun: {error.strerror}. Is the tun module there?"
        ) from error
    try:
        _attach(fd, name)
    except OSError as error:
        os.close(fd)
        why = _WHY.get(error.errno or 0, error.strerror)
        raise Fault(
            f"Open tap device failed: Error while creating ifreq structure for {name}: {why}."
        ) from error
    return fd


def _attach(fd: int, name: str) -> None:
    """Take the TAP; one that a killed machine's QEMU has not quite let go of yet is waited for a moment."""
    request = struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.ioctl(fd, TUNSETIFF, request)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(STEP)
        else:
            return


def _random_mac() -> str:
    tail = secrets.token_bytes(5)
    return ":".join(f"{byte:02x}" for byte in b"\x06" + tail)
