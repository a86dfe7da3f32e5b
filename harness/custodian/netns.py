"""A named network namespace with a TAP device and a thread that lives inside. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. System calls instead of ``ip``: a namespace with
its TAP takes about a millisecond, where seven processes would take forty.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

NAMES = Path("/run/netns")
_CLONE_NEWNET, _MS_BIND, _MNT_DETACH = 0x40000000, 0x1000, 2
_TUNSETIFF, _TUNSETPERSIST, _IFF_TAP_NO_PI = 0x400454CA, 0x400454CB, 0x1002
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8913, 0x8914, 0x8916, 0x891C
_IFF_UP = 1
# A restored guest may change its MAC address: forget the old one at once, and ask again soon.
_NEIGHBOUR = {"retrans_time_ms": "20", "locktime": "0", "delay_first_probe_time": "0"}

_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A new network namespace, known to ``ip netns`` by its name.

    What must happen inside runs in its one thread: a namespace belongs to a thread, and the sockets and
    processes made there keep it wherever they are used.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = NAMES / name
        self._named = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        try:
            self.call(self._enter)
        except BaseException:
            self.delete()
            raise

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Run a function inside; its future."""
        return self._thread.submit(function, *args)

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function inside; its result."""
        return self.submit(function, *args).result()

    def delete(self) -> None:
        """End the thread and take the name away; the namespace goes with its last process."""
        self._thread.shutdown(wait=True)
        if self._named:  # else it is somebody else's
            remove_name(self.path)

    def _enter(self) -> None:
        _check(_libc.unshare(_CLONE_NEWNET), "unshare")
        NAMES.mkdir(mode=0o755, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o444))
        self._named = True
        source = b"/proc/thread-self/ns/net"
        _check(_libc.mount(source, bytes(self.path), b"none", _MS_BIND, None), f"mount {self.path}")
        _sysctl("net/ipv6/conf/all/disable_ipv6", "1")
        _sysctl("net/ipv6/conf/default/disable_ipv6", "1")
        set_link("lo", up=True)


def add_tap(device: str, address: IPv4Interface) -> None:
    """A persistent TAP device with an address, up, in this thread's namespace."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", device.encode(), _IFF_TAP_NO_PI))
        fcntl.ioctl(tun, _TUNSETPERSIST, 1)
    finally:
        os.close(tun)
    for name, value in _NEIGHBOUR.items():
        _sysctl(f"net/ipv4/neigh/{device}/{name}", value)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFADDR, _ifreq_address(device, address.ip.packed))
        fcntl.ioctl(control, _SIOCSIFNETMASK, _ifreq_address(device, address.netmask.packed))
    set_link(device, up=True)


def set_link(device: str, *, up: bool) -> None:
    """Set a device of this thread's namespace up or down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        seen = fcntl.ioctl(control, _SIOCGIFFLAGS, struct.pack("16sH22x", device.encode(), 0))
        flags = struct.unpack_from("16sH", seen)[1]
        flags = flags | _IFF_UP if up else flags & ~_IFF_UP
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", device.encode(), flags))


def remove_name(path: Path) -> None:
    """Take a name out of ``ip netns``; absence is no error."""
    _libc.umount2(bytes(path), _MNT_DETACH)  # not mounted is fine: the file may have come without its mount
    path.unlink(missing_ok=True)


def is_own(path: Path) -> bool:
    """Whether a name stands for the namespace that we are in ourselves."""
    with contextlib.suppress(FileNotFoundError):
        return path.samefile("/proc/self/ns/net")
    return False


def processes_inside(path: Path) -> list[int]:
    """Pids whose main thread is in the named namespace."""
    try:
        wanted = path.stat()
    except FileNotFoundError:
        return []
    return [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_in(entry, wanted)
    ]


def _is_in(process: Path, wanted: os.stat_result) -> bool:
    try:
        seen = (process / "ns/net").stat()
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # it ended meanwhile, or is a zombie
        return False
    return (seen.st_dev, seen.st_ino) == (wanted.st_dev, wanted.st_ino)


def _ifreq_address(device: str, packed: bytes) -> bytes:
    return struct.pack("16sHH4s16x", device.encode(), socket.AF_INET, 0, packed)


def _sysctl(name: str, value: str) -> None:
    """Set a knob where there is one: a kernel without IPv6 has none, a container may not offer it."""
    path = Path("/proc/sys") / name
    if os.access(path, os.W_OK):
        path.write_text(value)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
