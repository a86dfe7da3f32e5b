"""What of a firewall stops the host's connections to VMs: a connection decides, and rules explain it.

A rule that seems to stop packets may be misread, and one that surely stops those to an address that nobody
has may let each VM through from its launch on. So a rule is a finding where a connection was seen to fail,
and another one shows that it is the port that is not let through, or a live VM is stopped, too. Where
nothing could be tried, or what was seen can be either, it cannot be told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from harness.host.firewall.packets import Obstacle
from harness.host.knock import Knock, Knocks

LAUNCHES = (
    "perhaps each VM is let through from its launch on: with session.user_id in the profile,"
    " session.health_passes_from_the_host sends such packets to one"
)
TAKEN = "somebody has each of the addresses that were looked at, or more rules than are tried stop something"


@dataclass
class Decided:
    """What came of each rule that seems to stop something."""

    stops: dict[str, str] = field(default_factory=dict)
    """Rules that do, and what was seen of it; the empty text: something that no rule explains."""
    refuted: list[str] = field(default_factory=list)
    """Rules that let such a connection through."""
    untold: dict[str, str] = field(default_factory=dict)
    """Rules of which it cannot be told, and why; the empty text: whatever stops connections at all."""


def groups_of(
    standing: Sequence[Obstacle], addresses: Sequence[IPv4Address], live: Collection[IPv4Address]
) -> dict[str, list[IPv4Address]]:
    """Where a connection is to be tried: for each rule among the addresses that it stops, highest first.

    And under the empty text among those that no rule seems to stop.

    :param addresses: those that VMs may have.
    :param live: those that VMs have: nobody else may take one.
    """
    free = [one for one in reversed(addresses) if one not in live]
    stopped = {where: _stopped_by(where, standing) for where in dict.fromkeys(one.where for one in standing)}
    of_none = [one for one in free if not any(one in those for those in stopped.values())]
    groups = {where: [one for one in free if one in those] for where, those in stopped.items()}
    return {**groups, **({"": of_none} if of_none else {})}


def decided(
    standing: Sequence[Obstacle],
    groups: Mapping[str, Sequence[IPv4Address]],
    knocks: Knocks,
    *,
    port: int,
    silent: Collection[IPv4Address],
) -> Decided:
    """What the connections say of the rules.

    :param standing: the obstacles that no connection to a live VM has refuted.
    :param silent: the live VMs from which nothing came back. One that refuses may lack its agent.
    """
    found = Decided()
    for where, knock in zip(groups, knocks.knocks, strict=True):
        is_sure = any(one.sure for one in standing if one.where == where)
        is_live = is_sure and bool(_stopped_by(where, standing) & set(silent))
        if knock is not None and knock.through:
            found.refuted += [where] if where else []
        elif is_live or (knock is not None and knock.control and (is_sure or not where)):
            found.stops[where] = knock.told(port) if knock else "a live VM takes no connection"
        else:
            found.untold[where] = _why(knock, knocks, port)
    return found


def _why(knock: Knock | None, knocks: Knocks, port: int) -> str:
    if knock is not None:
        return f"{knock.told(port)}; {LAUNCHES}"
    return f"no connection could be tried: {knocks.untold or TAKEN}"


def _stopped_by(where: str, standing: Sequence[Obstacle]) -> set[IPv4Address]:
    """Addresses whose packets a rule stops; the host's own is of no weight, as nobody else may have it."""
    packets = [one.packet for one in standing if one.where == where]
    return {address for packet in packets for address in (packet.source, packet.target)}
