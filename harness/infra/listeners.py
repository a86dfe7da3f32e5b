"""Listening TCP sockets as ``ss`` has them: exact addresses, and their owners."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from testinfra.modules.base import Module

from harness.infra.units import unreadable

LISTENING = "ss -ltnpH"
_OWNER = re.compile(r"pid=([0-9]{1,20})(?![0-9])")
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True)
class Listening:
    """One listening socket."""

    address: str
    port: int
    pids: frozenset[int]
    process: str

    @property
    def on_loopback(self) -> bool:
        """Whether only the machine itself can reach it."""
        try:
            address = ip_address(self.address)
        except ValueError:
            return False  # `*`
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return (mapped or address).is_loopback

    def __str__(self) -> str:
        return f"{self.address}:{self.port} ({self.process or 'no process named'})"


class Listener(Module):  # type: ignore[misc] # testinfra is not typed
    """Who listens at a TCP port.

    >>> guest.listener(8080).addresses
    ['0.0.0.0']
    >>> [str(one) for one in guest.listener.all() if not one.on_loopback]
    ['0.0.0.0:8080 (node)', '0.0.0.0:22 (sshd)']
    """

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__()

    @property
    def sockets(self) -> list[Listening]:
        """The sockets that listen at it."""
        return [one for one in self.all() if one.port == self.port]

    @property
    def addresses(self) -> list[str]:
        """Where they listen, exactly as it was asked for: ``*`` is both of ``0.0.0.0`` and ``::``."""
        return [one.address for one in self.sockets]

    @property
    def pids(self) -> frozenset[int]:
        """The processes that have one of them open."""
        return frozenset().union(*(one.pids for one in self.sockets))

    @classmethod
    def all(cls) -> list[Listening]:
        """Every listening TCP socket.

        :raises TransportError: they cannot be told, or there is none: we came in by one.
        """
        text = cls.check_output(LISTENING)
        found = parse_listening(text)
        if not found or len(found) != len([line for line in text.splitlines() if line.strip()]):
            raise unreadable(cls._host.name, LISTENING, text)
        return found

    def __repr__(self) -> str:
        return f"<listener {self.port}>"


def parse_listening(text: str) -> list[Listening]:
    """The lines of ``ss -ltnpH`` that can be read."""
    found = []
    for line in text.splitlines():
        words = line.split(None, 5)
        if len(words) < 5 or words[0] != "LISTEN":
            continue
        address, _, port = words[3].rpartition(":")
        if not address or not _PORT.fullmatch(port):
            continue
        owners = words[5] if len(words) > 5 else ""
        name = re.search(r'"([^"]+)"', owners)
        pids = frozenset(int(pid) for pid in _OWNER.findall(owners))
        bare = address.partition("%")[0].strip("[]")
        found.append(Listening(bare, int(port), pids, name.group(1) if name else ""))
    return found
