"""Causes on the way from the host to the guest, hop by hop."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.causes.cause import Cause, Found
from harness.causes.facts import Answer, Facts, Hops
from harness.mend import Command, Words
from harness.text import one_line

_STARTS, _HEALTH = "session.session_starts", "guest.health_answers_in_time"
_COLD = "guest.cold_boot_is_healthy_in_time"
_IP = re.compile(r"(?:^|\s)ip=(\d+\.\d+\.\d+\.\d+)(?=[:\s]|$)")


def _hop(met: Callable[[Facts, Hops], Found | None]) -> Callable[[Facts], Found | None]:
    """Met where the host was asked and the VMM runs, and nobody at the guest's address is well."""

    def asked(facts: Facts) -> Found | None:
        hops = facts.hops
        if hops is None or not hops.process.runs or _is_well(hops.agent):
            return None
        return met(facts, hops)

    return asked


def _is_well(agent: Answer | None) -> bool:
    return agent is not None and agent.status == 200


def _bridge_down(facts: Facts, hops: Hops) -> Found | None:
    if hops.bridge is None or hops.bridge.up:
        return None
    return Found(f"{facts.bridge} is down", (Command(("sudo", "ip", "link", "set", facts.bridge, "up")),))


def _bridge_without_address(facts: Facts, hops: Hops) -> Found | None:
    if hops.bridge is None or _alone(facts.host_address) in map(_alone, hops.bridge.addresses):
        return None
    seen = ", ".join(hops.bridge.addresses) or "none"
    add = Command(("sudo", "ip", "address", "add", facts.host_address, "dev", facts.bridge))
    return Found(f"{facts.bridge} has the addresses {seen}; expected {facts.host_address}", (add,))


def _alone(address: str) -> str:
    return address.partition("/")[0]


def _tap_missing(facts: Facts, hops: Hops) -> Found | None:
    if hops.tap is not None or not facts.tap:
        return None
    where = " in its network namespace" if hops.apart else ""
    end = Words("end the session: start anew")
    return Found(f"the VMM runs, and there is no device {facts.tap}{where}", (end,))


def _tap_off_bridge(facts: Facts, hops: Hops) -> Found | None:
    if not facts.bridge or hops.apart or hops.tap is None or hops.tap.master == facts.bridge:
        return None
    join = Command(("sudo", "ip", "link", "set", facts.tap, "master", facts.bridge))
    where = f"a port of {hops.tap.master}" if hops.tap.master else "a port of nothing"
    return Found(f"{facts.tap} is {where}, expected of {facts.bridge}", (join,))


def _tap_down(facts: Facts, hops: Hops) -> Found | None:
    if hops.tap is None or hops.tap.up:
        return None
    there = ("nsenter", "--net", "--target", str(hops.process.pid)) if hops.apart else ()
    where = " in the VMM's network namespace" if hops.apart else ""
    return Found(
        f"{facts.tap} is down{where}", (Command(("sudo", *there, "ip", "link", "set", facts.tap, "up")),)
    )


def _wrong_argument(facts: Facts, hops: Hops) -> Found | None:
    """Only where that is why nobody answers: many kernels are told nothing, or are not listened to."""
    told = _IP.search(facts.inside.cmdline if facts.inside else hops.boot_args)
    if told is None or told[1] == facts.address or hops.macs or hops.answers:
        return None
    return Found(f"the kernel was told ip={told[1]}, and the VM is asked at {facts.address}")


def _address_taken(facts: Facts, hops: Hops) -> Found | None:
    if hops.macs is None or len(hops.macs) < 2:
        return None
    return Found(f"{len(hops.macs)} answer to {facts.address} by ARP: {', '.join(hops.macs)}")


def _elsewhere(facts: Facts, hops: Hops) -> Found | None:
    others = [one for one in hops.elsewhere if one not in (facts.address, "0.0.0.0")]  # noqa: S104
    if hops.macs != () or not others:
        return None
    return Found(f"the guest speaks as {', '.join(others)}, and is asked at {facts.address}")


def _ruled(way: str) -> Callable[[Facts, Hops], Found | None]:
    def met(facts: Facts, hops: Hops) -> Found | None:
        if hops.agent is None or hops.agent.connected:
            return None
        rules = [rule.partition(" ")[2] for rule in facts.rules if rule.startswith(f"{way} ")]
        return Found(one_line(rules[0])) if rules else None

    return met


def _silent(facts: Facts, hops: Hops) -> Found | None:
    if hops.macs != () or hops.tap is None or hops.agent is None or hops.agent.connected:
        return None
    if hops.answers:  # on its own TAP it does: the way from there to the bridge is another matter
        return None
    count = f"{hops.tap.sent} packets went out on {facts.tap}, {hops.tap.received} came back"
    return Found(f"nobody answers to {facts.address} by ARP; while we asked, {count}")


def _row(
    name: str,
    means: str,
    met: Callable[[Facts, Hops], Found | None],
    how: str,
    *,
    evidence: str = "TAP and bridge",
    shown_by: str = _STARTS,
) -> Cause:
    return Cause(f"network.{name}", means, evidence, "troubleshooting", how, shown_by, _hop(met))


_RULE = "sudo iptables -L -n | grep 8080 (or nft list ruleset), and delete the rule"
ROWS = (
    _row("bridge_down", "the VMs' bridge is down", _bridge_down, "ip link set <bridge> up"),
    _row(
        "bridge_without_address",
        "the VMs' bridge has not its address",
        _bridge_without_address,
        "ip address add <address> dev <bridge>",
    ),
    _row("tap_missing", "the VM's TAP device is gone", _tap_missing, "find who deletes TAPs of VMs that run"),
    _row(
        "tap_off_bridge",
        "the VM's TAP device is no port of the bridge",
        _tap_off_bridge,
        "ip link set <TAP> master <bridge>; have the controller do so before it starts the VM",
    ),
    _row("tap_down", "the VM's TAP device is down", _tap_down, "ip link set <TAP> up"),
    _row(
        "wrong_ip_argument",
        "the kernel's command line gives the guest another address",
        _wrong_argument,
        "correct ip= in snapshot.boot_args, or in what the controller boots VMs with",
        evidence="ip= on the kernel's command line",
        shown_by=_COLD,
    ),
    _row(
        "address_taken",
        "somebody else on the bridge has the VM's address",
        _address_taken,
        "find the other by its MAC (bridge fdb show), and end it",
        evidence="ARP",
    ),
    _row(
        "guest_elsewhere",
        "the guest has another address than it is asked at",
        _elsewhere,
        "see how the guest gets its address: its command line, its metadata, its network unit",
        evidence="the guest's own packets",
        shown_by=_HEALTH,
    ),
    _row(
        "requests_dropped",
        "a firewall rule of the host stops what is sent to the agent",
        _ruled("out"),
        _RULE,
        evidence="the host's rules",
    ),
    _row(
        "answers_dropped",
        "a firewall rule of the host stops what the agent answers",
        _ruled("back"),
        _RULE,
        evidence="the host's rules",
    ),
    _row(
        "guest_silent",
        "the guest does not answer on its network at all",
        _silent,
        "read the console: is its interface down, or its kernel stuck?",
        evidence="ARP, and the TAP's counters",
        shown_by=_HEALTH,
    ),
)
