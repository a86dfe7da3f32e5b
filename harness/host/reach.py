"""Whether the host gets through to VMs: a connection that was made says more of rules than their text."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path

from harness.answers import read_as
from harness.host.facts import Asked
from harness.host.firewall.packets import Obstacle

_PROBE = Path(__file__).parent / "probes" / "reach.py"
_CONNECT_S = 3.0
TRIED = 8
"""So many VMs are tried."""


def reached(host: Asked, addresses: Sequence[IPv4Address], port: int) -> set[IPv4Address]:
    """The VMs that take a connection from the host at that port; it is hung up without a word.

    :raises TransportError: the host cannot be asked.
    """
    tried = [str(one) for one in addresses[:TRIED]]
    if not tried:
        return set()
    ask = {"addresses": tried, "port": port, "timeout_s": _CONNECT_S}
    said = host.python(_PROBE.read_text("utf-8"), ask, timeout_s=_CONNECT_S + 30)
    answer = read_as(dict[str, bool], said, whose="whether VMs can be reached from the host")
    return {one for one in addresses if answer.get(str(one))}


def standing(stopped: Sequence[Obstacle], got_through: set[IPv4Address]) -> list[Obstacle]:
    """The obstacles that no connection has refuted: a rule that let such packets pass stops none."""
    refuted = {one.where for one in stopped if {one.packet.source, one.packet.target} & got_through}
    return [one for one in stopped if one.where not in refuted]
