"""What is read out of a firewall's rules, against what the kernel does with a real connection."""

from __future__ import annotations

import json
import sys
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from harness.host.firewall.packets import conversation, obstacles
from harness.host.firewall.rulesets import tables_of
from harness.run import run

PACKETS = conversation(IPv4Address("192.168.100.1"), IPv4Address("192.168.100.7"), 8080, "fcbr0")
ESTABLISHED = "-m conntrack --ctstate ESTABLISHED -j ACCEPT"

IPTABLES = (
    "true",
    "iptables -A OUTPUT -p tcp --dport 8080 -j DROP",
    "iptables -A INPUT -p tcp --dport 8080 -j DROP",
    "iptables -A INPUT -p tcp --sport 8080 -j DROP",
    "iptables -P INPUT DROP",
    f"iptables -P INPUT DROP; iptables -A INPUT {ESTABLISHED}",
    "iptables -P FORWARD DROP",
    "iptables -P OUTPUT DROP; iptables -A OUTPUT -o fcbr+ -j ACCEPT",
    "iptables -A OUTPUT -p tcp -m multiport --dports 80,8080 -m conntrack --ctstate NEW -j REJECT",
    "iptables -t raw -A PREROUTING -s 192.168.100.7 -j DROP",
    "iptables -t mangle -A POSTROUTING -d 192.168.100.0/29 -j DROP",
    "iptables -N A; iptables -A A -s 10.0.0.0/8 -j RETURN; iptables -A A -j DROP; iptables -A OUTPUT -g A",
    "iptables -N A; iptables -A A -d 192.0.0.0/8 -j RETURN; iptables -A A -j DROP; iptables -I OUTPUT -j A",
    "iptables -A OUTPUT ! -o lo -j DROP",
    "iptables -A INPUT -m addrtype --dst-type LOCAL -j DROP",
    "iptables -A INPUT -m addrtype --src-type LOCAL -j DROP",
    "iptables -A OUTPUT -p tcp --syn -j REJECT --reject-with tcp-reset",
    "iptables -A OUTPUT -m iprange --dst-range 192.168.100.8-192.168.100.20 -j DROP",
    "iptables -A OUTPUT -p 6 -m comment --comment '--dport 22' -j DROP",
    "iptables -A OUTPUT -p udp -m comment --comment '-j DROP' -j DROP",
    "iptables -A OUTPUT -p tcp -m comment --comment '--dport 22 -j ACCEPT' -m tcp --dport 8080 -j DROP",
    "iptables-legacy -A OUTPUT -p tcp --dport 8080 -m comment --comment --x -j DROP",
    "iptables-legacy -A OUTPUT -p udp -j DROP; nft 'table ip filter { chain OUTPUT { type filter hook output"
    " priority 0; tcp dport { 22, 8080 } drop; }; }'",
)

NFT = (
    ("inet", "input", "drop", ""),
    ("inet", "input", "drop", "ct state established,related accept"),
    ("inet", "forward", "drop", ""),
    ("ip", "output", "accept", "tcp dport 8080 drop"),
    ("ip", "prerouting", "accept", "tcp sport > 1024 drop"),
    ("inet", "input", "accept", 'iifname "fc*" tcp sport 8080 reject'),
    ("inet", "output", "accept", "udp dport != 53 drop"),
    ("inet", "output", "accept", "tcp dport { 22, 80-90 } drop"),
    ("inet", "output", "accept", "tcp dport { 22, 8000-9000 } drop"),
    ("inet", "input", "accept", "ct state vmap { established : drop, invalid : drop }"),
    ("inet", "output", "drop", 'oifname != "lo" accept'),
    ("inet", "output", "accept", "ip daddr { 192.168.100.0/28, 1.1.1.1 } drop"),
    ("inet", "output", "accept", "ip daddr . tcp dport { 192.168.100.7 . 8080 } drop"),
    ("bridge", "output", "drop", ""),
    ("bridge", "input", "accept", "ip saddr 192.168.100.7 drop"),
    ("inet", "output", "accept", "meta l4proto tcp th dport 8080 drop"),
    ("inet", "output", "accept", "ip protocol tcp ip daddr 192.168.100.0/24 drop"),
    ("inet", "output", "accept", "ip6 daddr ::1 drop"),
    ("inet", "output", "accept", "tcp dport vmap { 8080 : drop }"),
    ("ip", "output", "accept", "tcp dport { 22, 80 } drop"),
    ("ip", "output", "accept", "ip daddr 10.0.0.0/8 counter drop"),
    ("inet", "output", "accept", "meta l4proto 6 drop"),
    ("inet", "output", "accept", "ip protocol 5-7 drop"),
    ("inet", "output", "accept", "meta l4proto { 17, 132 } drop"),
    ("inet", "output", "accept", "meta nfproto 2 tcp dport 8080 drop"),
    ("inet", "output", "accept", 'tcp dport vmap { 22 : accept, 8080 comment "--x" : drop }'),
    ("inet", "output", "accept", "tcp dport vmap { 8080 : accept, * : drop }"),
    ("inet", "output", "accept", "ip daddr vmap { 10.0.0.0/8 : accept, * : drop }"),
    (
        "inet",
        "output",
        "accept",
        "tcp dport @s drop; }; set s { type inet_service; counter; elements = { 8080 }; ",
    ),
    (
        "inet",
        "output",
        "accept",
        "tcp dport vmap @m; }; map m { type inet_service : verdict; counter;"
        ' elements = { 8080 comment "a" : drop }; ',
    ),
)
UNTOLD = (
    (
        "inet",
        "output",
        "accept",
        "ip daddr 192.168.100.7 meter m { ip daddr limit rate over 99/second } drop",
    ),
    (
        "inet",
        "output",
        "accept",
        "add @f { ip daddr limit rate over 99/second } drop; };"
        " set f { type ipv4_addr; flags dynamic; timeout 1m; ",
    ),
    ("inet", "output", "accept", "tcp dport 8080 limit rate over 99/second drop"),
    ("inet", "output", "accept", "tcp dport 8080 ct count over 50 drop"),
)
"""Limits, which none of our packets meets: drops that are seldom, and never sure."""


def _nft(family: str, hook: str, policy: str, rule: str) -> str:
    base = f"type filter hook {hook} priority 0; policy {policy};"
    names = ("filter", hook.upper()) if family == "ip" else ("f", "c")  # as iptables' tool has them
    return f"nft 'table {family} {names[0]} {{ chain {names[1]} {{ {base} {rule}; }}; }}'"


CASES = (*IPTABLES, *(_nft(*one) for one in NFT))
LIMITS = tuple(_nft(*one) for one in UNTOLD)


@pytest.fixture(scope="module")
def tried() -> dict[str, dict[str, Any]]:
    """Every case loaded and tried, in namespaces that end with the program."""
    lane = Path(__file__).with_name("lane.py")
    argv: list[str | Path] = ["unshare", "--net", "--kill-child", "--fork", sys.executable, lane]
    answer = run(
        argv, timeout_s=600, input_text=json.dumps([*CASES, *LIMITS]), hint="needs root, nft and iptables"
    )
    return dict(zip([*CASES, *LIMITS], json.loads(answer.stdout), strict=True))


@pytest.mark.parametrize("command", CASES)
def test_rules_are_read_as_the_kernel_takes_them(command: str, tried: dict[str, dict[str, Any]]) -> None:
    stopped, untold = obstacles(tables_of(tried[command]["printed"]), PACKETS)
    assert (not stopped) == tried[command]["through"]
    assert untold == []


@pytest.mark.parametrize("command", LIMITS)
def test_a_limit_is_no_sure_drop(command: str, tried: dict[str, dict[str, Any]]) -> None:
    assert tried[command]["through"]
    stopped, untold = obstacles(tables_of(tried[command]["printed"]), PACKETS)
    assert stopped == []
    assert len(untold) == 1


def test_the_cases_are_of_both_kinds(tried: dict[str, dict[str, Any]]) -> None:
    through = [tried[command]["through"] for command in CASES]
    assert through.count(True) > 10
    assert through.count(False) > 10
