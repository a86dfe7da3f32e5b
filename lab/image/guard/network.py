"""The clone's own network identity, by ioctls: starting programs is what costs time right after a restore.

The kernel itself tells the neighbours of every new MAC (``arp_notify``) and forgets what it knew of them.
"""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
import subprocess
from pathlib import Path

NIC = "eth0"
NETWORKD = Path("/run/systemd/network/05-clone.network")
"""Sorts before the image's own file, so that networkd keeps to the new address when it configures again."""

_SIOCADDRT = 0x890B
_SIOCGIFADDR = 0x8915
_SIOCSIFADDR = 0x8916
_SIOCSIFNETMASK = 0x891C
_SIOCSIFHWADDR = 0x8924
_ETHERNET = 1
_ROUTE_UP_GATEWAY = 0x0003


class Nic:
    """The one network interface, with the socket for its ioctls opened beforehand."""

    def __init__(self) -> None:
        self._kernel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._readdressed = False

    @property
    def address(self) -> str:
        """The IPv4 address."""
        return socket.inet_ntoa(self._ioctl(_SIOCGIFADDR, b"")[4:8])

    def set_mac(self, mac: bytes) -> str:
        """Take on a MAC, and announce the present address with it; returns it in words."""
        self._ioctl(_SIOCSIFHWADDR, struct.pack("H6s", _ETHERNET, mac))
        return mac.hex(":")

    def set_address(self, ipv4: str, gateway: str | None) -> None:
        """Take on another address, and way out; the caller sets a MAC next, which announces it."""
        interface = ipaddress.IPv4Interface(ipv4)
        self._ioctl(_SIOCSIFADDR, _sockaddr(interface.ip))
        self._ioctl(_SIOCSIFNETMASK, _sockaddr(interface.netmask))
        if gateway:
            self._set_gateway(ipaddress.IPv4Address(gateway))
        _write_for_networkd(interface, gateway)
        self._readdressed = True

    def tell_networkd(self) -> None:
        """Have networkd take over what was set here; only asked where there is something new."""
        if self._readdressed:
            subprocess.run(["networkctl", "reload"], check=True, timeout=30, stdin=subprocess.DEVNULL)

    def _set_gateway(self, gateway: ipaddress.IPv4Address) -> None:
        anywhere = ipaddress.IPv4Address(0)
        # struct rtentry: a padding word, destination, gateway, netmask, then the flags.
        route = b"".join((b"\x00" * 8, _sockaddr(anywhere), _sockaddr(gateway), _sockaddr(anywhere)))
        flags = struct.pack("H", _ROUTE_UP_GATEWAY)
        fcntl.ioctl(self._kernel, _SIOCADDRT, (route + flags).ljust(120, b"\x00"))

    def _ioctl(self, request: int, value: bytes) -> bytes:
        """One ioctl on a struct ifreq; returns what follows the name in it."""
        return fcntl.ioctl(self._kernel, request, struct.pack("16s24s", NIC.encode(), value))[16:]


def random_mac(six: bytes) -> bytes:
    """Six random bytes as a locally administered unicast address."""
    return bytes([six[0] & 0xFC | 0x02]) + six[1:]


def _write_for_networkd(interface: ipaddress.IPv4Interface, gateway: str | None) -> None:
    # Kept: networkd would else take the address away, to give it anew, from whoever speaks with the clone.
    keep = "KeepConfiguration=yes"
    lines = ["[Match]", f"Name={NIC}", "[Network]", f"Address={interface}", "LinkLocalAddressing=no", keep]
    if gateway:
        lines.append(f"Gateway={gateway}")
    NETWORKD.parent.mkdir(parents=True, exist_ok=True)
    NETWORKD.write_text("\n".join(lines) + "\n")


def _sockaddr(ip: ipaddress.IPv4Address) -> bytes:
    return struct.pack("HH4s8x", socket.AF_INET, 0, ip.packed)
