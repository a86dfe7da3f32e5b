"""The JSON of ``nft -j list ruleset`` as tables of :mod:`harness.host.firewall.packets`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from harness.host.firewall.packets import (
    DECIDES_ELSEWHERE,
    SWALLOWS,
    Chain,
    Packet,
    Rule,
    Table,
    Test,
    Told,
    Verdict,
    all_of,
    negated,
    unknown,
)

Sets = Mapping[str, Any]

FAMILIES = ("ip", "inet", "bridge")
STATEMENTS: dict[str, Verdict] = {
    **{"accept": "accept", "drop": "drop", "reject": "drop", "return": "return"},
    **{"jump": "jump", "goto": "goto", "fwd": "drop"},
}
"""``fwd`` sends a packet out of another device: it gets nowhere else."""
NO_MATCH = ("counter", "log", "comment", "mangle", "notrack", "ct helper", "continue")
"""Statements after which a packet goes on in any case; not ``set`` and ``meter``, which may hold a limit."""
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
}


class Named(int):
    """A number that nft writes by its name where the system's lists have one, and as a number elsewhere."""

    name: str

    @classmethod
    def of(cls, number: int, name: str) -> Named:
        """A number, and its name."""
        named = cls(number)
        named.name = name
        return named

    def is_meant_by(self, right: str) -> bool:
        """Whether that is its name, or itself."""
        return right.lower() in (self.name, str(int(self)))


TCP, IPV4, IP = Named.of(6, "tcp"), Named.of(2, "ipv4"), Named.of(0x800, "ip")


class Untold(Exception):  # noqa: N818 - not an error: an expression this module cannot evaluate
    """What an expression is for a packet cannot be told."""


Written = Mapping[tuple[str, str], Sequence[Rule]]
"""Rules of tables of the family ``ip`` as iptables' own tool shows them, by table and chain."""


def names_in(ruleset: Sequence[Mapping[str, Any]]) -> set[str]:
    """The tables of the family ``ip``: those that iptables may have written."""
    tables = (entry["table"] for entry in ruleset if "table" in entry)
    return {table["name"] for table in tables if table["family"] == "ip"}


def tables_of(ruleset: Sequence[Mapping[str, Any]], *, written: Written | None = None) -> list[Table]:
    """Tables that see IPv4 on its way between host and VMs.

    :param written: what iptables' tool says of those that it wrote, and understands better.
    """
    theirs = _theirs(ruleset, written or {})
    listed = [entry["table"] for entry in ruleset if "table" in entry]
    dormant = {(one["family"], one["name"]) for one in listed if "dormant" in one.get("flags", [])}
    sets: dict[tuple[str, str], dict[str, Any]] = {}
    tables: dict[tuple[str, str], dict[str, Chain]] = {}
    for kind, item in (one for entry in ruleset for one in entry.items()):
        if item.get("family") not in FAMILIES:
            continue
        at = (item["family"], item["table"] if "table" in item else item["name"])
        if at in dormant:  # the kernel asks none of its chains
            continue
        chains = tables.setdefault(at, {})
        if kind in ("set", "map"):
            sets.setdefault(at, {})[item["name"]] = item.get("elem", [])
        elif kind == "chain":
            hook = item.get("hook", "") if item.get("type") != "nat" else ""
            chains[item["name"]] = Chain(hook=hook, policy=STATEMENTS[item.get("policy", "accept")])
        elif kind == "rule":
            own = _rules(item["expr"], sets.get(at, {}), at[0])
            shown = theirs.get((*at, item["chain"]))
            chains[item["chain"]].rules += _better(item["expr"], own, next(shown)) if shown else own
    return [Table(f"nft {family} {name}", chains) for (family, name), chains in tables.items()]


def _theirs(
    ruleset: Sequence[Mapping[str, Any]], written: Written
) -> dict[tuple[str, str, str], Iterator[Rule]]:
    """The rules of each chain that has as many of them by either tool: they are the same ones, in order."""
    rules = [entry["rule"] for entry in ruleset if "rule" in entry]
    counts = Counter((rule["family"], rule["table"], rule["chain"]) for rule in rules)
    theirs = {("ip", *chain): shown for chain, shown in written.items()}
    return {chain: iter(shown) for chain, shown in theirs.items() if len(shown) == counts[chain]}


def _better(expressions: Sequence[Mapping[str, Any]], own: list[Rule], theirs: Rule) -> list[Rule]:
    """A rule by the tool that can read it: what iptables wrote counts, and may be in words of its own.

    Of a set or a map iptables' tool shows nothing: what is a drop of some packets is one of all to it.
    """
    kinds = {kind for expression in expressions for kind in expression}
    if "xt" in kinds:
        return [theirs]
    return [replace(rule, text=theirs.text) for rule in own] if "counter" in kinds else own


def _rules(expressions: Sequence[Mapping[str, Any]], sets: Sets, family: str) -> list[Rule]:
    tests: list[Test] = []
    text = json.dumps(expressions)
    for expression in expressions:
        ((kind, body),) = expression.items()
        if kind in STATEMENTS:
            return [Rule(all_of(tests), STATEMENTS[kind], text, (body or {}).get("target", ""))]
        if kind == "vmap":
            return _vmap(body, tests, sets, family, text)
        if kind == "tproxy":  # whatever else the rule says: a program gets it, where one is there
            return [Rule(all_of([*tests, unknown]), "drop", text)]
        if kind == "match":
            tests.append(_test(body, sets, family))
        elif kind == "xt" and _xt(body) == "target":
            name = body.get("name")
            tests += [unknown] if name in DECIDES_ELSEWHERE else []
            stops = name in ("DROP", "REJECT", *SWALLOWS, *DECIDES_ELSEWHERE)
            return [Rule(all_of(tests), "drop" if stops else "continue", text)]
        elif kind in NO_MATCH or (kind == "xt" and _xt(body) == "comment"):
            continue
        else:
            tests.append(unknown)
            if kind in ("queue", "xt") and expression is expressions[-1]:
                return [Rule(all_of(tests), "drop", text)]  # a program decides, or a target that is not told
    return []


def _xt(body: Mapping[str, Any] | None) -> str:
    """What a statement in iptables' own way is: ``target``, ``comment``, or whatever; nft may not tell."""
    told = body or {}
    return str(told.get("name") if told.get("name") == "comment" else told.get("type"))


def _vmap(body: Any, tests: list[Test], sets: Sets, family: str, text: str) -> list[Rule]:
    rules: list[Rule] = []
    others: list[Test] = []
    try:
        elements = _elements(body["data"], sets)
    except Untold:
        return [Rule(unknown, "drop", text)]
    for key, verdict in sorted(elements, key=lambda one: one[0] == "*"):  # what the others leave
        ((kind, inner),) = verdict.items()
        match = _test({"op": "==", "left": body["key"], "right": _bare(key)}, sets, family)
        match = all_of([negated(one) for one in others]) if key == "*" else match
        others.append(match)
        target = (inner or {}).get("target", "")
        rules.append(Rule(all_of([*tests, match]), STATEMENTS.get(kind, "continue"), text, target))
    return rules


def _test(body: Mapping[str, Any], sets: Sets, family: str) -> Test:
    def told(packet: Packet) -> Told:
        try:
            value = _value(body["left"], packet, family)
            if value is None:
                return False
            if body["op"] in COMPARED:
                return COMPARED[body["op"]](value, body["right"])
            found = _equal(value, body["right"], sets)
        except (Untold, AttributeError, LookupError, TypeError, ValueError):
            return None
        return not found if body["op"] == "!=" else found

    return told


def _value(left: Any, packet: Packet, family: str) -> Any:
    """The packet's value of an expression; None where the packet has no such thing."""
    if not isinstance(left, dict):
        raise Untold
    ((kind, body),) = left.items()
    if kind == "concat":
        return tuple(_value(part, packet, family) for part in body)
    if kind == "payload" and body.get("protocol") not in ("ip", "tcp", "th", "ether", None):
        return None  # udp, icmp, ip6, …: this packet is none of it
    known: dict[str, Any] = {
        "payload ip saddr": packet.source,
        "payload ip daddr": packet.target,
        "payload ip protocol": TCP,
        **{f"payload {layer} sport": packet.sport for layer in ("tcp", "th")},
        **{f"payload {layer} dport": packet.dport for layer in ("tcp", "th")},
        "meta l4proto": TCP,
        "meta nfproto": IPV4,
        "meta protocol": IP,
        "ct state": packet.state,
    }
    if family != "bridge":  # there, the devices are the ports
        known.update({f"meta iif{name}": packet.incoming for name in ("", "name")})
        known.update({f"meta oif{name}": packet.outgoing for name in ("", "name")})
    name = " ".join([kind, *(str(body[key]) for key in ("protocol", "field", "key") if key in body)])
    if name not in known:
        raise Untold
    return known[name]


def _elements(right: Any, sets: Sets) -> Sequence[Any]:
    if isinstance(right, str):
        if right.removeprefix("@") not in sets:
            raise Untold
        right = {"set": sets[right.removeprefix("@")]}
    return [_bare(one) for one in right["set"]]


def _bare(element: Any) -> Any:
    """An element without its comment, its counter or its time."""
    return element["elem"]["val"] if isinstance(element, dict) and "elem" in element else element


def _equal(value: Any, right: Any, sets: Sets) -> bool:
    if isinstance(right, list) or (isinstance(right, dict) and "set" in right):
        found = right if isinstance(right, list) else _elements(right, sets)
        return any(_equal(value, one, sets) for one in found)
    if isinstance(right, str) and right.startswith("@"):
        return any(_equal(value, one, sets) for one in _elements(right, sets))
    if isinstance(value, tuple):
        pairs = zip(value, right["concat"], strict=True)
        return all(one is not None and _equal(one, other, sets) for one, other in pairs)
    if isinstance(right, dict) and "prefix" in right:
        return value in IPv4Network(f"{right['prefix']['addr']}/{right['prefix']['len']}", strict=False)
    if isinstance(right, dict) and "range" in right:
        low, high = (type(value)(one) for one in right["range"])
        return bool(low <= value <= high)
    if isinstance(value, IPv4Address):
        return value == IPv4Address(right)
    if isinstance(value, Named) and isinstance(right, str):
        return value.is_meant_by(right)
    return fnmatchcase(value, str(right)) if isinstance(value, str) else bool(value == right)
