"""The clone's own network identity, by ioctls: starting programs is what costs time right after a restore."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

NIC = "eth0"
NETWORKD = Path("/run/systemd/network/05-clone.network")
"""Sorts before the image's own file, so that networkd keeps to the new address when it configures again."""

_SIOCADDRT = 0x890B
_SIOCGIFADDR = 0x8915
_SIOCSIFADDR = 0x8916
_SIOCSIFNETMASK = 0x891C
_SIOCSIFHWADDR = 0x8924
_SIOCGIFHWADDR = 0x8927
_ETHERNET = 1
_ROUTE_UP_GATEWAY = 0x0003
_ESTABLISHED = "01"


def set_fresh_mac() -> str:
    """A random, locally administered address; the kernel forgets all neighbours with the old one."""
    first, *rest = os.urandom(6)
    return _set_mac(bytes([first & 0xFC | 0x02, *rest]))


def assume(identity: dict[str, Any]) -> str | None:
    """Take on the address, gateway, MAC and name that the launcher gave; returns the MAC, if given."""
    mac = None
    if identity.get("mac"):
        mac = _set_mac(bytes.fromhex(str(identity["mac"]).replace(":", "")))
    if identity.get("ipv4"):
        interface = ipaddress.IPv4Interface(str(identity["ipv4"]))
        gateway = identity.get("gateway")
        _set_address(interface, ipaddress.IPv4Address(str(gateway)) if gateway else None)
        _remember(interface, gateway)
    if identity.get("hostname"):
        socket.sethostname(str(identity["hostname"]))
    return mac


def announce() -> None:
    """Tell all neighbours who has our address now (a gratuitous ARP)."""
    mac, ip = _mac(), socket.inet_aton(address())
    ethernet = b"\xff" * 6 + mac + struct.pack("!H", 0x0806)
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + ip + b"\x00" * 6 + ip
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((NIC, 0))
        link.send(ethernet + arp)


def address() -> str:
    """The NIC's IPv4 address."""
    return socket.inet_ntoa(_ask(_SIOCGIFADDR)[4:8])


def tell_networkd() -> None:
    """Have networkd read what ``assume`` wrote; it is only asked where there is something new."""
    if NETWORKD.exists():
        subprocess.run(["networkctl", "reload"], check=True, timeout=30, stdin=subprocess.DEVNULL)


def wait_quiet(*, timeout_s: float) -> None:
    """Wait until no TCP connection from outside is open: none could outlive the snapshot."""
    deadline = time.monotonic() + timeout_s
    while _connections() and time.monotonic() < deadline:
        time.sleep(0.05)


def _connections() -> int:
    lines = [line for table in ("tcp", "tcp6") for line in _table(table)]
    states = [line.split() for line in lines]
    return sum(1 for word in states if word[3] == _ESTABLISHED and not _is_loopback(word[1]))


def _table(name: str) -> list[str]:
    return Path("/proc/net", name).read_text().splitlines()[1:]


def _is_loopback(endpoint: str) -> bool:
    # The kernel prints words in its own byte order: 127.0.0.1 is 0100007F, ::1 ends in 01000000.
    host = endpoint.partition(":")[0]
    return host.endswith("7F") or host == "0" * 24 + "01000000"


def _set_mac(mac: bytes) -> str:
    _tell(_SIOCSIFHWADDR, struct.pack("H6s", _ETHERNET, mac))
    return mac.hex(":")


def _mac() -> bytes:
    return _ask(_SIOCGIFHWADDR)[2:8]


def _set_address(interface: ipaddress.IPv4Interface, gateway: ipaddress.IPv4Address | None) -> None:
    _tell(_SIOCSIFADDR, _sockaddr(interface.ip))
    _tell(_SIOCSIFNETMASK, _sockaddr(interface.netmask))
    if gateway is None:
        return
    anywhere = ipaddress.IPv4Address(0)
    # struct rtentry: a padding word, destination, gateway, netmask, then the flags.
    route = b"".join((b"\x00" * 8, _sockaddr(anywhere), _sockaddr(gateway), _sockaddr(anywhere)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kernel:
        fcntl.ioctl(kernel, _SIOCADDRT, (route + struct.pack("H", _ROUTE_UP_GATEWAY)).ljust(120, b"\x00"))


def _remember(interface: ipaddress.IPv4Interface, gateway: object) -> None:
    lines = ["[Match]", f"Name={NIC}", "[Network]", f"Address={interface}", "LinkLocalAddressing=no"]
    if gateway:
        lines.append(f"Gateway={gateway}")
    NETWORKD.parent.mkdir(parents=True, exist_ok=True)
    NETWORKD.write_text("\n".join(lines) + "\n")


def _sockaddr(ip: ipaddress.IPv4Address) -> bytes:
    return struct.pack("HH4s8x", socket.AF_INET, 0, ip.packed)


def _tell(request: int, value: bytes) -> None:
    _ioctl(request, value)


def _ask(request: int) -> bytes:
    return _ioctl(request, b"")[16:]


def _ioctl(request: int, value: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kernel:
        return fcntl.ioctl(kernel, request, struct.pack("16s24s", NIC.encode(), value))
