"""Rule sets as nft and iptables-save print them, and whether a request to a VM gets through."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest

from harness.host.firewall.packets import Obstacle, aimed_at, conversation, obstacles
from harness.host.firewall.rulesets import tables_of

PACKETS = conversation(IPv4Address("192.168.100.1"), IPv4Address("192.168.100.7"), 8080, "fcbr0")
DROP: dict[str, Any] = {"drop": None}
ACCEPT: dict[str, Any] = {"accept": None}


def iptables(*rules: str, policies: str = "ACCEPT ACCEPT ACCEPT", chains: str = "") -> dict[str, Any]:
    """``iptables-save`` of the filter table."""
    names = zip(("INPUT", "FORWARD", "OUTPUT"), policies.split(), strict=True)
    heads = [f":{name} {policy} [0:0]" for name, policy in names] + [
        f":{one} - [0:0]" for one in chains.split()
    ]
    return {"iptables": "\n".join(["# comment", "*filter", *heads, *rules, "COMMIT"])}


def nft(
    *rules: list[dict[str, Any]], hook: str = "input", policy: str = "accept", others: Any = ()
) -> dict[str, Any]:
    """``nft -j list ruleset`` of one base chain."""
    at = {"family": "inet", "table": "f"}
    base = {"chain": {**at, "name": "base", "type": "filter", "hook": hook, "prio": 0, "policy": policy}}
    written = [{"rule": {**at, "chain": "base", "expr": one}} for one in rules]
    return {"nft": [{"metainfo": {}}, {"table": {"family": "inet", "name": "f"}}, *others, base, *written]}


def match(left: dict[str, Any], right: Any, op: str = "==") -> dict[str, Any]:
    """A match of nft."""
    return {"match": {"op": op, "left": left, "right": right}}


def ip(field: str) -> dict[str, Any]:
    """A field of the IP header."""
    return {"payload": {"protocol": "ip", "field": field}}


def port(field: str, protocol: str = "tcp") -> dict[str, Any]:
    """A port."""
    return {"payload": {"protocol": protocol, "field": field}}


STATE = {"ct": {"key": "state"}}
IN, OUT = {"meta": {"key": "iifname"}}, {"meta": {"key": "oifname"}}
BAD_HOSTS = {
    "set": {
        "family": "inet",
        "table": "f",
        "name": "bad",
        "elem": [{"range": ["1.1.1.1", "1.1.1.5"]}, {"elem": {"val": "192.168.100.7", "timeout": 60}}],
    }
}

OPEN = {
    "nothing": {"nft": []},
    "Docker's FORWARD policy": iptables(policies="ACCEPT DROP ACCEPT"),
    "INPUT closed but for answers": iptables(
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", policies="DROP DROP ACCEPT"
    ),
    "a drop of requests from the VMs": iptables("-A INPUT -i fcbr0 -p tcp -m tcp --dport 8080 -j DROP"),
    "a drop at another device": iptables("-A INPUT -i eth0 -j DROP", "-A OUTPUT -o eth+ -j DROP"),
    "a drop of another port": iptables("-A OUTPUT -p tcp -m multiport --dports 22,8000:8079 -j DROP"),
    "a drop of udp": iptables("-A OUTPUT -p udp -j DROP"),
    "accepted before": iptables("-A OUTPUT -d 192.168.100.0/24 -j ACCEPT", policies="ACCEPT ACCEPT DROP"),
    "a chain that returns": iptables("-A OUTPUT -j X", "-A X -j RETURN", "-A X -j DROP", chains="X"),
    "a chain nobody calls": iptables("-A X -j DROP", chains="X"),
    "a log": iptables('-A OUTPUT -m comment --comment "a ! -j DROP" -j LOG --log-prefix "x "'),
    "address translation": {"iptables": "*nat\n:OUTPUT DROP [0:0]\nCOMMIT"},
    "nft: answers accepted": nft([match(STATE, ["established", "related"], "in"), ACCEPT], policy="drop"),
    "nft: invalid dropped": nft([match(STATE, "invalid", "in"), DROP]),
    "nft: state map": nft(
        [{"vmap": {"key": STATE, "data": {"set": [["established", ACCEPT], ["invalid", DROP]]}}}],
        policy="drop",
    ),
    "nft: udp is not ours": nft([match(port("dport", "udp"), 53, "!="), DROP], hook="output"),
    "nft: another device": nft([match(IN, "eth*"), DROP]),
    "nft: forward": nft(hook="forward", policy="drop"),
    "iptables rules seen by nft": {
        **iptables(),
        "nft": [
            {"table": {"family": "ip", "name": "filter"}},
            {
                "chain": {
                    "family": "ip",
                    "table": "filter",
                    "name": "OUTPUT",
                    "hook": "output",
                    "policy": "drop",
                }
            },
        ],
    },
}


@pytest.mark.parametrize("name", OPEN)
def test_gets_through(name: str) -> None:
    assert obstacles(tables_of(OPEN[name]), PACKETS) == ([], [])


CLOSED = {
    "the port, on the way out": iptables("-A OUTPUT -p tcp -m tcp --dport 8080 -j DROP"),
    "the port, rejected": iptables("-A OUTPUT -p tcp -m tcp --dport 8080 -j REJECT --reject-with tcp-reset"),
    "the answer": iptables("-A INPUT -s 192.168.100.0/24 -p tcp -m tcp --sport 8080 -j DROP"),
    "the bridge": iptables("-A INPUT -i fcbr+ -j DROP"),
    "the first packet only": iptables("-A OUTPUT -p tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP"),
    "new connections": iptables("-A OUTPUT -o fcbr0 -m conntrack --ctstate NEW -j REJECT"),
    "all but another network": iptables("-A OUTPUT ! -d 10.0.0.0/8 -j DROP"),
    "a range": iptables("-A OUTPUT -m iprange --dst-range 192.168.100.2-192.168.100.9 -j DROP"),
    "a called chain": iptables("-A OUTPUT -j A", "-A A -j B", "-A B -p tcp -j DROP", chains="A B"),
    "a goto": iptables("-A OUTPUT -g A", "-A OUTPUT -j ACCEPT", "-A A -j DROP", chains="A"),
    "an OUTPUT policy": iptables(policies="ACCEPT ACCEPT DROP"),
    "an INPUT policy": iptables(policies="DROP ACCEPT ACCEPT"),
    "the raw table": {"iptables": "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j DROP\nCOMMIT"},
    "the old back end": {"iptables-legacy": iptables(policies="ACCEPT ACCEPT DROP")["iptables"]},
    "nft: a policy": nft(policy="drop"),
    "nft: a port in a set": nft(
        [match(port("dport"), {"set": [22, {"range": [8000, 8100]}]}), DROP], hook="output"
    ),
    "nft: any protocol's port": nft([match(port("sport", "th"), 8080), {"reject": {"type": "tcp reset"}}]),
    "nft: a network": nft(
        [match(ip("daddr"), {"prefix": {"addr": "192.168.0.0", "len": 16}}), DROP], hook="output"
    ),
    "nft: a named set": nft([match(ip("saddr"), "@bad"), {"counter": None}, DROP], others=[BAD_HOSTS]),
    "nft: a pair": nft(
        [
            match({"concat": [ip("daddr"), port("dport")]}, {"set": [{"concat": ["192.168.100.7", 8080]}]}),
            DROP,
        ],
        hook="output",
    ),
    "nft: not the lo device": nft([match(OUT, "lo", "!="), DROP], hook="output"),
    "nft: high ports": nft([match(port("dport"), 1024, ">="), DROP], hook="output"),
    "nft: a map to drop": nft(
        [{"vmap": {"key": port("dport"), "data": {"set": [[8080, DROP]]}}}], hook="output"
    ),
}


@pytest.mark.parametrize("name", CLOSED)
def test_is_stopped(name: str) -> None:
    stopped, untold = obstacles(tables_of(CLOSED[name]), PACKETS)
    assert all(one.sure for one in stopped)
    assert stopped
    assert untold == []


HOST, VM = IPv4Address("192.168.100.1"), IPv4Address("192.168.100.7")


@pytest.mark.parametrize(
    ("printed", "count"),
    [
        (iptables("-A INPUT -p tcp -m tcp --dport 8080 -j DROP"), 1),
        (iptables("-A FORWARD -o fcbr0 -p tcp -m tcp --dport 8080 -j REJECT"), 1),
        (iptables("-A FORWARD -i eth0 -o fcbr0 -p tcp -m tcp --dport 8080 -j DROP"), 0),
        (iptables("-A INPUT -p tcp -j DROP", policies="DROP DROP ACCEPT"), 0),
        (nft([match(port("dport"), {"set": [8080]}), DROP]), 1),
    ],
    ids=["to the host", "forwarded", "from outside", "every port", "nft"],
)
def test_a_rule_aimed_at_the_port_on_another_way(printed: dict[str, Any], count: int) -> None:
    assert len(aimed_at(tables_of(printed), HOST, VM, 8080, "fcbr0")) == count


def _only(stopped: list[Obstacle]) -> set[bool]:
    return {one.sure for one in stopped}


@pytest.mark.parametrize(
    "printed",
    [
        iptables("-A OUTPUT -m set --match-set vms dst -j ACCEPT", policies="ACCEPT ACCEPT DROP"),
        nft([match({"meta": {"key": "mark"}}, 1), ACCEPT], hook="output", policy="drop"),
        nft([match(ip("daddr"), "@nowhere"), ACCEPT], hook="output", policy="drop"),
    ],
    ids=["ipset", "mark", "set of another table"],
)
def test_an_accept_that_cannot_be_told_leaves_the_drop_open(printed: dict[str, Any]) -> None:
    stopped, _ = obstacles(tables_of(printed), PACKETS)
    assert _only(stopped) == {False}


@pytest.mark.parametrize(
    "printed",
    [
        iptables("-A INPUT -m set --match-set f2b-sshd src -j REJECT"),
        iptables("-A OUTPUT -m limit --limit 5/min -j DROP"),
        nft([{"limit": {"rate": 5, "per": "second"}}, DROP], hook="output"),
    ],
    ids=["fail2ban", "limit", "nft limit"],
)
def test_a_drop_that_cannot_be_told_is_listed(printed: dict[str, Any]) -> None:
    stopped, untold = obstacles(tables_of(printed), PACKETS)
    assert stopped == []
    assert len(untold) == 1
