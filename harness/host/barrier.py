"""Whether the host's firewall lets connections to VMs through: its rules read, and connections tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from harness.findings import Finding
from harness.host.facts import Asked
from harness.host.firewall.packets import Obstacle, Table, aimed_at, conversation, obstacles
from harness.host.firewall.rulesets import tables_of
from harness.host.knock import Knocks, knocked
from harness.host.reach import reached, standing
from harness.host.rules_tried import Decided, decided, groups_of
from harness.site.profile import Site

_UNKNOWN = (
    "the database does not tell which addresses live VMs have, and one of theirs must not be tried: with"
    " database.url_env or database.url_file in the profile it can"
)


@dataclass
class FirewallSeen:
    """What stops connections to the agents' port, what may, and what is worth a look."""

    found: list[Finding] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    """What cannot be told, each with the reason."""
    beside: list[str] = field(default_factory=list)


def ask_firewall(
    host: Asked, printed: Mapping[str, object], live: Sequence[IPv4Address] | None, *, device: str
) -> FirewallSeen:
    """Read the rules, and send packets.

    :param printed: what the host's tools show of the rules.
    :param live: the addresses that live VMs have; None where they are not known: then none is tried.
    :param device: what our port of the bridge may be called.
    :raises TransportError: the host cannot be asked.
    """
    site, port = host.site, host.site.agent.port
    tables = tables_of(printed)
    addresses = _addresses(site)
    bridge, own = site.network.bridge, site.network.bridge_address.ip
    read, maybe = obstacles(
        tables, [packet for one in addresses for packet in conversation(own, one, port, bridge)]
    )
    got = reached(host, live or (), port)
    stopped = standing(read, got.took)
    groups = groups_of(stopped, addresses, live or ())
    if got.took:  # what becomes of connections to nobody's addresses is nothing to them
        groups.pop("", None)
    if live is None:
        knocks = Knocks(_UNKNOWN, (None,) * len(groups))
    else:
        knocks = knocked(host, list(groups.values()), port, device=device) if groups else Knocks()
    seen = decided(stopped, groups, knocks, port=port, silent=got.silent)
    passed = {one.where for one in read} - {one.where for one in stopped} | {*seen.refuted}
    return FirewallSeen(
        [_finding(where, why, stopped) for where, why in seen.stops.items()],
        list(_untold(seen, port)),
        list(_beside(tables, maybe, sorted(passed), site)),
    )


def _addresses(site: Site) -> list[IPv4Address]:
    """Those that VMs may have."""
    network = site.network
    numbers = range(int(network.first_vm), int(network.last_vm) + 1)
    return [one for one in map(IPv4Address, numbers) if one != network.bridge_address.ip]


def _finding(where: str, why: str, stopped: Sequence[Obstacle]) -> Finding:
    """A rule, with the first packet that it stops, as far as it can be read, and the number of all."""
    those = [one for one in stopped if one.where == where]
    more = f" and {len(those) - 1} more packets" if those[1:] else ""
    read = f"stops {those[0].packet.what}{more}; " if those else ""
    return Finding(where, where or "what no rule explains that can be read", f"{read}{why}")


def _untold(seen: Decided, port: int) -> Iterator[str]:
    for where, why in seen.untold.items():
        if where:
            yield f"whether this stops port {port} to the VMs cannot be told: {where}\n{why}"
        else:
            yield f"whether the host's connections get through to port {port} of VMs cannot be told: {why}"


def _beside(
    tables: Sequence[Table], maybe: Sequence[str], passed: Sequence[str], site: Site
) -> Iterator[str]:
    network, port = site.network, site.agent.port
    for rule in maybe:
        yield f"a rule that may drop packets between host and VMs, but cannot be told: {rule}"
    for rule in passed:
        yield f"a rule that seems to stop port {port}, and lets connections to VMs through: {rule}"
    aimed = aimed_at(tables, network.bridge_address.ip, network.first_vm, port, network.bridge)
    for rule in dict.fromkeys(one.where for one in aimed):
        yield f"a rule that stops port {port} on a way that no request of the host takes: {rule}"
