"""The network between host and VMs."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from harness.findings import Finding, report
from harness.host.facts import HostFacts
from harness.host.firewall.packets import Obstacle, aimed_at, conversation, obstacles
from harness.host.firewall.rulesets import tables_of
from harness.host.hypervisor import Hypervisor
from harness.host.reach import reached, standing
from harness.infra.host import Host
from harness.site.profile import Site

pytestmark = pytest.mark.acceptance


@pytest.mark.smoke
@pytest.mark.item("session-launches", proves=False)
@pytest.mark.mend(
    step="troubleshooting", how="sudo ip link set <bridge> up; sudo ip address add <address> dev <bridge>"
)
@pytest.mark.look("ip address show dev {network.bridge}")
def test_bridge_up(host: Host, site: Site) -> None:
    """The VMs' bridge is up and has its address."""
    name, wanted = site.network.bridge, site.network.bridge_address
    bridge = host.link(name)
    assert bridge.exists, f"the host has no device {name}"
    assert bridge.kind == "bridge", f"{name} is no bridge, but a {bridge.kind or 'plain device'}"
    assert bridge.is_up, f"{name} is down (flags {', '.join(bridge.flags)})"
    seen = ", ".join(map(str, bridge.addresses)) or "none"
    assert wanted in bridge.addresses, f"{name} has the addresses {seen}; expected {wanted}"


@pytest.mark.item("health", proves=False)
@pytest.mark.mend(
    step="troubleshooting", how="sudo iptables -L -n | grep 8080 (or nft list ruleset), and delete the rule"
)
@pytest.mark.look("iptables -L -n -v", "nft list ruleset")
def test_no_firewall_between(
    host_facts: HostFacts,
    site: Site,
    hypervisor: Hypervisor,
    live_addresses: Callable[[], list[IPv4Address]],
    advice: Callable[[str], None],
) -> None:
    """No firewall rule of the host stops the agents' port between host and VMs, requests or answers."""
    network, port = site.network, site.agent.port
    packets = [
        packet
        for number in range(int(network.first_vm), int(network.last_vm) + 1)
        for packet in conversation(network.bridge_address.ip, IPv4Address(number), port, network.bridge)
    ]
    tables = tables_of(host_facts.part("firewall", dict[str, object]))
    read, untold = obstacles(tables, packets)
    for rule in untold:
        advice(f"a rule that may drop packets between host and VMs, but cannot be told: {rule}")
    stopped = standing(read, reached(hypervisor, live_addresses(), port)) if read else []
    for rule in sorted({one.where for one in read} - {one.where for one in stopped}):
        advice(f"a rule that seems to stop port {port}, and lets connections to VMs through: {rule}")
    aimed = aimed_at(tables, network.bridge_address.ip, network.first_vm, port, network.bridge)
    sure = [one for one in stopped if one.sure] + aimed
    found = by_rule(sure)
    assert not found, report(found, f"rules that stop port {port} between host and VMs")
    if stopped:
        pytest.skip(
            f"whether this stops port {port} to the VMs cannot be told: {by_rule(stopped)[0].thing}\n"
            "an accept rule before it has a match that is not understood, and no VM is there to try: look at "
            "it on the host; session.health_passes_from_the_host sends such packets"
        )


def by_rule(stopped: list[Obstacle]) -> list[Finding]:
    """One line a rule, with the first packet it stops and the number of all."""
    counts: dict[str, list[Obstacle]] = {}
    for one in stopped:
        counts.setdefault(one.where, []).append(one)
    return [
        Finding(
            where,
            where,
            f"stops {those[0].packet.what}" + (f" and {len(those) - 1} more packets" if those[1:] else ""),
        )
        for where, those in counts.items()
    ]
