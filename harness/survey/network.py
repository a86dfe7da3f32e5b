"""The bridge between host and VMs."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from harness.survey.answer import Answer, Answers, Found, Open, several, the_one
from harness.survey.seen import HostSeen, Link, Rows

_LOOK = "the bridge that the TAPs of VMs are on: `bridge link`, while a VM runs"


def network(seen: HostSeen, rows: Rows) -> Answers:
    """The bridge, its address, and the addresses that VMs may have."""
    bridge = _bridge(seen, rows)
    address: Answer = Open("the bridge's address, with its prefix length")
    if isinstance(bridge, Found):
        link = next((one for one in seen.told.links if one.name == bridge.value), Link(""))
        address = the_one(
            (Found(one, f"ip address show dev {bridge.value}") for one in link.addresses),
            f"which of the addresses of {bridge.value} VMs have for their gateway",
        )
    return {"bridge": bridge, "bridge_address": address, **_range(address)}


def gateway(answers: Answers) -> Answer:
    """The host's end, as guests know it."""
    address = answers.get("bridge_address")
    if isinstance(address, Found):
        return Found(str(IPv4Interface(str(address.value)).ip), address.seen)
    return Open("the guest's default route: the bridge's address")


def _bridge(seen: HostSeen, rows: Rows) -> Answer:
    """What a TAP of a VM is on; or else the only bridge that addresses of VMs are of."""
    on = list(_masters(seen))
    if on:
        return the_one(on, _LOOK)
    bridges = [one for one in seen.told.links if one.kind == "bridge" and one.addresses]
    told = [Found(one.name, seen_as) for one in bridges for seen_as in _holding(one, rows)]
    if told:
        return the_one(told, _LOOK)
    there = several([f"{one.name} ({', '.join(one.addresses)})" for one in bridges])
    return Open(f"{_LOOK}; bridges with an address: {there or 'none'}")


def _masters(seen: HostSeen) -> Iterator[Found]:
    bridges = {one.name for one in seen.told.links if one.kind == "bridge"}
    theirs = {one.process.netns for one in seen.vmms if not one.is_ours}
    for tap in seen.taps:
        used = tap.netns in theirs and not tap.netns_name.startswith("acc-")
        if used and tap.netns == seen.host_netns and tap.master in bridges and not _is_other(tap.name):
            yield Found(tap.master, f"ip link: {tap.name} is on it")


def _is_other(name: str) -> bool:
    """Whether a TAP is called as those of libvirt, Proxmox or a VPN are, or is one of the suite's."""
    return name.startswith(("vnet", "tap0", "tun", "acc-"))


def _holding(link: Link, rows: Rows) -> Iterator[str]:
    network = [IPv4Interface(one).network for one in link.addresses]
    for row in rows.vms:
        said = (row.get("ip_address") or "").partition("/")[0]
        if said and any(_is_in(said, one) for one in network):
            yield f"database, vms.ip_address {said} is in its network {', '.join(link.addresses)}"


def _is_in(said: str, network: IPv4Network) -> bool:
    try:
        return IPv4Address(said) in network
    except ValueError:
        return False


def _range(address: Answer) -> Answers:
    look = "address that the controller gives to VMs"
    if not isinstance(address, Found):
        return {"first_vm": Open(f"lowest {look}"), "last_vm": Open(f"highest {look}")}
    own = IPv4Interface(str(address.value))
    first, last = own.network.network_address + 1, own.network.broadcast_address - 1
    if int(last) - int(first) < 1 or own.network.prefixlen < 16:
        return {"first_vm": Open(f"lowest {look}"), "last_vm": Open(f"highest {look}")}
    told = f"all of {own.network} beside the bridge's own; narrow it to what the controller gives out"
    return {
        "first_vm": Found(str(first + 1 if first == own.ip else first), told),
        "last_vm": Found(str(last - 1 if last == own.ip else last), told),
    }
