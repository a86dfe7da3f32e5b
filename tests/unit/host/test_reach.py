"""A connection that was made, against what rules seem to say; with real listeners on loopback."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address

import pytest

from harness.host.firewall.packets import Obstacle, conversation
from harness.host.reach import Reached, reached, standing
from tests.unit.peers.this_machine import Apart, Here

HOST, VM, OTHER = (IPv4Address(f"192.168.100.{number}") for number in (1, 7, 9))


def test_vms_that_take_a_connection_are_reached() -> None:
    there, gone = IPv4Address("127.0.0.2"), IPv4Address("127.0.0.3")
    with socket.create_server((str(there), 0)) as server:
        port = server.getsockname()[1]
        assert reached(Here(), [there, gone], port) == Reached(took=frozenset({there}))
        server.settimeout(60)
        with server.accept()[0] as one:
            assert one.recv(1) == b"", "nothing is said"
    assert reached(Here(), [there], port) == Reached(), "it is refused"
    assert reached(Here(), [], port) == Reached()


def test_one_that_says_nothing_is_told_from_one_that_refuses() -> None:
    rule = "nft 'add rule inet t output ip daddr 127.0.0.3 drop'"
    chain = "nft add table inet t; nft 'add chain inet t output { type filter hook output priority 0; }'"
    host = Apart(f"ip link set lo up; {chain}; {rule}")
    refuses, silent = IPv4Address("127.0.0.2"), IPv4Address("127.0.0.3")
    assert reached(host, [refuses, silent], 8080) == Reached(silent=frozenset({silent}))


def obstacles(where: str, vm: IPv4Address, *, sure: bool = True) -> list[Obstacle]:
    """A rule that seems to stop all of a conversation."""
    return [Obstacle(packet, where, sure) for packet in conversation(HOST, vm, 8080, "fcbr0")]


@pytest.mark.parametrize("sure", [True, False])
def test_a_rule_that_let_a_vms_packets_through_stops_none(sure: bool) -> None:
    """Whatever it reads like; of a rule about another VM nothing is known by that."""
    both = [*obstacles("policy", VM, sure=sure), *obstacles("policy", OTHER, sure=sure)]
    one = obstacles("rule", OTHER, sure=sure)
    assert standing([*both, *one], {VM}) == one
    assert standing([*both, *one], set()) == [*both, *one]
