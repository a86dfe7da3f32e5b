"""Opening TAP devices as Firecracker does: when the interface is configured, and never shared."""

import errno
import fcntl
import os
import secrets
import struct
import time

from lab.vmm.bodies import NetworkInterface
from lab.vmm.faults import Fault, os_words
from lab.vmm.qemu.process import Nic

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
MAX_NAME = 15
PATIENCE, STEP = 0.5, 0.01


def open_nic(config: NetworkInterface) -> Nic:
    """The interface with its TAP opened; a Fault says why it could not be."""
    mac = config.guest_mac or _random_mac()
    if config.mtu is not None and not 68 <= config.mtu <= 65535:
        raise Fault(f"Invalid mtu {config.mtu}: 68 to 65535 is allowed.")
    return Nic(config, open_tap(config.host_dev_name), mac.lower())


def open_tap(name: str) -> int:
    """A file descriptor of the TAP ``name`` in this network namespace."""
    if not 0 < len(name.encode()) <= MAX_NAME:
        raise Fault("Open tap device failed: Invalid interface name")
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Fault(
            f"Open tap device failed: Couldn't open /dev/net/tun: {os_words(error)}. Is the tun module there?"
        ) from error
    try:
        _attach(fd, name)
    except OSError as error:
        os.close(fd)
        raise Fault(
            f"Open tap device failed: Error while creating ifreq structure: {os_words(error)}. "
            f"Invalid TUN/TAP Backend provided by {name}. "
            "Check our documentation on setting up the network devices."
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
