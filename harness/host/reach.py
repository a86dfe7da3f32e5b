"""Whether the host gets through to VMs: a connection that was made says more of rules than their text."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal

from harness.answers import read_as
from harness.host.facts import Asked
from harness.host.firewall.packets import Obstacle

_PROBE = Path(__file__).parent / "probes" / "reach.py"
_CONNECT_S = 3.0
_TRIED = 8
"""So many VMs are tried."""


@dataclass(frozen=True)
class Reached:
    """What came of connections from the host to VMs."""

    took: frozenset[IPv4Address] = frozenset()
    silent: frozenset[IPv4Address] = frozenset()
    """Nothing came back. One that refused is in neither: without its agent it does so, as a rule does."""


def reached(host: Asked, addresses: Sequence[IPv4Address], port: int) -> Reached:
    """Which VMs take a connection from the host at that port; it is hung up without a word.

    :raises TransportError: the host cannot be asked.
    """
    tried = [str(one) for one in addresses[:_TRIED]]
    if not tried:
        return Reached()
    ask = {"addresses": tried, "port": port, "timeout_s": _CONNECT_S}
    said = host.python(_PROBE.read_text("utf-8"), ask, timeout_s=_CONNECT_S + 30)
    whose = "whether VMs can be reached from the host"
    answer = read_as(dict[str, Literal["took", "refused", "silent"]], said, whose=whose)
    took, silent = (
        frozenset(one for one in addresses if answer.get(str(one)) == how) for how in ("took", "silent")
    )
    return Reached(took, silent)


def standing(stopped: Sequence[Obstacle], got_through: Set[IPv4Address]) -> list[Obstacle]:
    """The obstacles that no connection has refuted: a rule that let such packets pass stops none."""
    refuted = {one.where for one in stopped if {one.packet.source, one.packet.target} & got_through}
    return [one for one in stopped if one.where not in refuted]
