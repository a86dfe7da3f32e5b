"""Whether a packet gets through rule sets of a firewall, as far as the rules can be read.

A rule matches, does not match, or cannot be told (``None``: marks, limits, ipsets, …). A drop that a packet
surely meets is a block; a drop after an accept that cannot be told is a doubt; a drop that itself cannot be
told is listed apart, for it is mostly a rate limit or a list of foreign addresses.
Not looked at: address translation, traffic control, rules inside network namespaces of single VMs, and the
guest's own firewall (the guest's checks ask the agent itself).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Literal

Told = bool | None
"""Whether something is so of a packet; None where it cannot be told."""
Verdict = Literal["accept", "drop", "return", "jump", "goto", "continue"]
CLIENT_PORT = 50_000
UNUSED_PORT = 9
DEPTH = 64
DECIDES_ELSEWHERE = ("NFQUEUE", "QUEUE", "TPROXY")
"""Targets of iptables by which a program decides, or gets what was meant for another."""
SWALLOWS = ("TARPIT", "CHAOS", "DELUDE")
"""Targets of xtables-addons that feign an open port: no packet gets through."""


@dataclass(frozen=True)
class Packet:
    """A TCP packet at the host, and the hooks it passes there."""

    what: str
    hooks: tuple[str, ...]
    source: IPv4Address
    target: IPv4Address
    sport: int
    dport: int
    state: Literal["new", "established"]
    incoming: str = ""
    outgoing: str = ""


Test = Callable[[Packet], Told]


@dataclass(frozen=True)
class Rule:
    """What a rule matches, and what then happens; ``text`` is the rule as the firewall's tool prints it."""

    matches: Test
    verdict: Verdict
    text: str
    target: str = ""


@dataclass
class Chain:
    """Rules in order; a base chain has a hook and a policy."""

    rules: list[Rule] = field(default_factory=list)
    hook: str = ""
    policy: Verdict = "accept"


@dataclass(frozen=True)
class Table:
    """Chains that may jump to each other."""

    name: str
    chains: Mapping[str, Chain]


@dataclass(frozen=True)
class Obstacle:
    """A rule or policy that stops a packet; ``sure`` is False where an earlier accept cannot be told."""

    packet: Packet
    where: str
    sure: bool


@dataclass
class ChainTraversal:
    """One packet's way through one base chain."""

    table: Table
    packet: Packet
    maybe_accepted: bool = False
    maybe_dropped: list[str] = field(default_factory=list)

    def through(self, name: str, chain: Chain) -> Obstacle | None:
        """What stops the packet in a base chain, if anything does."""
        verdict, where = self._chain(name, chain, DEPTH)
        if verdict == "return":
            verdict, where = chain.policy, f"policy {chain.policy} of {self.table.name} {name}"
        return Obstacle(self.packet, where, not self.maybe_accepted) if verdict == "drop" else None

    def _chain(self, name: str, chain: Chain, depth: int) -> tuple[Verdict, str]:
        for rule in chain.rules:
            told = rule.matches(self.packet)
            if told is False or rule.verdict == "continue":
                continue
            verdict: Verdict = rule.verdict
            where = f"{self.table.name} {name}: {rule.text}"
            if rule.verdict in ("jump", "goto"):
                known = depth and rule.target in self.table.chains
                inner = self.table.chains[rule.target] if known else Chain()
                verdict, where = self._chain(rule.target, inner, depth - 1)
                if verdict == "return" and rule.verdict == "jump":
                    continue
            if told:
                return verdict, where
            self.maybe_accepted |= verdict != "drop"
            if verdict == "drop":
                self.maybe_dropped.append(where)
        return "return", ""


def obstacles(tables: Iterable[Table], packets: Sequence[Packet]) -> tuple[list[Obstacle], list[str]]:
    """What stops the packets, and the rules that may drop some of them but cannot be told."""
    stopped: list[Obstacle] = []
    untold: dict[str, None] = {}
    for table in tables:
        for name, chain in table.chains.items():
            for packet in packets:
                if chain.hook in packet.hooks:
                    walk = ChainTraversal(table, packet)
                    stop = walk.through(name, chain)
                    stopped += [stop] if stop else []
                    untold.update(dict.fromkeys(walk.maybe_dropped))
    return stopped, list(untold)


def conversation(host: IPv4Address, vm: IPv4Address, port: int, device: str) -> list[Packet]:
    """The packets of a request from the host to a VM: the first one, the answer, and the rest."""
    out, back = ("output", "postrouting"), ("prerouting", "input")
    return [
        Packet(f"host to {vm}:{port}", out, host, vm, CLIENT_PORT, port, "new", outgoing=device),
        Packet(f"answer of {vm}:{port}", back, vm, host, port, CLIENT_PORT, "established", incoming=device),
        Packet(f"host to {vm}:{port}", out, host, vm, CLIENT_PORT, port, "established", outgoing=device),
    ]


def aimed_at(
    tables: Sequence[Table], host: IPv4Address, vm: IPv4Address, port: int, device: str
) -> list[Obstacle]:
    """Rules that stop just this port on other ways: from the VM to the host, and forwarded.

    No request of the host goes there, so what stops every port there (a policy, say) is no obstacle.
    """

    def ways(number: int) -> list[Packet]:
        back, through = ("prerouting", "input"), ("forward",)
        return [
            Packet(f"{vm} to the host:{number}", back, vm, host, CLIENT_PORT, number, "new", device),
            Packet(
                f"forwarded to {vm}:{number}", through, host, vm, CLIENT_PORT, number, "new", device, device
            ),
        ]

    general = {one.where for one in obstacles(tables, ways(UNUSED_PORT))[0]}
    return [one for one in obstacles(tables, ways(port))[0] if one.sure and one.where not in general]


def all_of(tests: Sequence[Test]) -> Test:
    """True when all tests are true, False when one is false, else unknown."""

    def told(packet: Packet) -> Told:
        answers = [test(packet) for test in tests]
        return False if False in answers else (None if None in answers else True)

    return told


def negated(test: Test) -> Test:
    """The opposite of a test; unknown stays unknown."""

    def told(packet: Packet) -> Told:
        answer = test(packet)
        return None if answer is None else not answer

    return told


def unknown(_: Packet) -> Told:
    """What cannot be told."""
    return None
