"""The JSON of ``nft -j list ruleset`` as tables of :mod:`harness.host.firewall.packets`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from harness.host.firewall.packets import Chain, Packet, Rule, Table, Test, Told, Verdict, all_of, unknown

Sets = Mapping[str, Any]

FAMILIES = ("ip", "inet", "bridge")
STATEMENTS: dict[str, Verdict] = {
    **{"accept": "accept", "drop": "drop", "reject": "drop", "return": "return"},
    **{"jump": "jump", "goto": "goto", "queue": "drop"},
}
NO_MATCH = ("counter", "log", "comment", "mangle", "notrack", "ct helper", "meter", "set", "continue")
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
}


class Untold(Exception):  # noqa: N818 - not an error: an expression this module cannot evaluate
    """What an expression is for a packet cannot be told."""


def tables_of(ruleset: Sequence[Mapping[str, Any]], *, without: frozenset[str] = frozenset()) -> list[Table]:
    """Tables that see IPv4 on its way between host and VMs.

    :param without: ``ip`` tables that iptables wrote, and that its own tool shows better.
    """
    sets: dict[tuple[str, str], dict[str, Any]] = {}
    tables: dict[tuple[str, str], dict[str, Chain]] = {}
    for kind, item in (one for entry in ruleset for one in entry.items()):
        if item.get("family") not in FAMILIES:
            continue
        at = (item["family"], item["table"] if "table" in item else item["name"])
        if at[0] == "ip" and at[1] in without:
            continue
        chains = tables.setdefault(at, {})
        if kind in ("set", "map"):
            sets.setdefault(at, {})[item["name"]] = item.get("elem", [])
        elif kind == "chain":
            hook = item.get("hook", "") if item.get("type") != "nat" else ""
            chains[item["name"]] = Chain(hook=hook, policy=STATEMENTS[item.get("policy", "accept")])
        elif kind == "rule":
            chains[item["chain"]].rules += _rules(item["expr"], sets.get(at, {}), at[0])
    return [Table(f"nft {family} {name}", chains) for (family, name), chains in tables.items()]


def _rules(expressions: Sequence[Mapping[str, Any]], sets: Sets, family: str) -> list[Rule]:
    tests: list[Test] = []
    text = json.dumps(expressions)
    for expression in expressions:
        ((kind, body),) = expression.items()
        if kind in STATEMENTS:
            return [Rule(all_of(tests), STATEMENTS[kind], text, (body or {}).get("target", ""))]
        if kind == "vmap":
            return _vmap(body, tests, sets, family, text)
        if kind == "xt" and body.get("type") == "target":
            verdict: Verdict = "drop" if body.get("name") in ("DROP", "REJECT") else "continue"
            return [Rule(all_of(tests), verdict, text)]
        if kind == "match":
            tests.append(_test(body, sets, family))
        elif kind not in NO_MATCH:
            tests.append(unknown)
    return []


def _vmap(body: Any, tests: list[Test], sets: Sets, family: str, text: str) -> list[Rule]:
    rules = []
    try:
        elements = _elements(body["data"], sets)
    except Untold:
        return [Rule(unknown, "drop", text)]
    for key, verdict in elements:
        ((kind, inner),) = verdict.items()
        match = _test({"op": "==", "left": body["key"], "right": key}, sets, family)
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
        "payload ip protocol": "tcp",
        **{f"payload {layer} sport": packet.sport for layer in ("tcp", "th")},
        **{f"payload {layer} dport": packet.dport for layer in ("tcp", "th")},
        "meta l4proto": "tcp",
        "meta nfproto": "ipv4",
        "meta protocol": "ip",
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
    found = right["set"]
    return [one["elem"]["val"] if isinstance(one, dict) and "elem" in one else one for one in found]


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
    return fnmatchcase(value, str(right)) if isinstance(value, str) else bool(value == right)
