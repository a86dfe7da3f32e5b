"""The network between host and VMs."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from harness.findings import report
from harness.host.barrier import ask_firewall
from harness.host.facts import HostFacts
from harness.host.hypervisor import Hypervisor
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
    hypervisor: Hypervisor,
    live_addresses: Callable[[], list[IPv4Address] | None],
    site: Site,
    advice: Callable[[str], None],
) -> None:
    """No firewall of the host stops the agents' port between host and VMs: connections get through."""
    printed = host_facts.part("firewall", dict[str, object])
    seen = ask_firewall(hypervisor, printed, live_addresses(), device=f"acc-{hypervisor.run_id}-b")
    for text in seen.beside:
        advice(text)
    assert not seen.found, report(seen.found, f"what stops port {site.agent.port} between host and VMs")
    if seen.untold:
        pytest.skip(seen.untold[0])
