"""The way of our bytes, leg by leg: ours first, which we know; of what lies behind, what the server tells."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

_UNKNOWN = "; whether that leaves a machine cannot be told from here"


@dataclass(frozen=True)
class Leg:
    """Our own leg: from us, or from the host that we go through, to whoever let us in."""

    to: str
    """Where it leads: an address, a name, or a socket."""
    encrypted: bool
    local: bool
    """It leaves no machine."""

    @property
    def private(self) -> bool:
        """Nobody on a wire can read along."""
        return self.encrypted or self.local

    def __str__(self) -> str:
        return f"our connection to {self.to} ({'' if self.encrypted else 'not '}encrypted)"


def leg_of(number: int, *, encrypted: bool) -> Leg:
    """The leg of a connected socket, by its two ends.

    :param number: its file descriptor, which stays as it is.
    """
    with socket.socket(fileno=os.dup(number)) as ours:
        if ours.family == socket.AF_UNIX:
            return Leg("a unix socket", encrypted, local=True)
        here, there = (str(end[0]) for end in (ours.getsockname(), ours.getpeername()))
    return Leg(there, encrypted, local=is_loopback(there) or here == there)


def is_socket(host: str) -> bool:
    """Whether libpq takes this for a unix socket: a directory, or an abstract name."""
    return host.startswith(("/", "@"))


def is_loopback(host: str) -> bool:
    """Whether this is loopback, of either family; an IPv4 address may be written as IPv6's."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def told_behind(leg: Leg, *, pooled: bool, client: str | None, encrypted: bool) -> str:
    """What the server tells of the way behind our leg, and what nobody can tell from here; empty if nothing.

    :param pooled: the server process that answers is not the one that let us in.
    :param client: the address that the server is asked from; None for a unix socket.
    :param encrypted: whether the server sees its own end encrypted.
    """
    if client is None:
        way = "by a socket"
    else:
        way = f"from {client}, {'encrypted' if encrypted else 'not encrypted'}"
    if pooled:
        beyond = "" if client is None or encrypted or is_loopback(client) else _UNKNOWN
        return f"{leg} ends at a pooler, which reaches the server {way}{beyond}"
    if leg.local and client and not encrypted and not is_loopback(client):
        return f"{leg} is handed on to the server {way}: a container's port, a relay?{_UNKNOWN}"
    return ""
