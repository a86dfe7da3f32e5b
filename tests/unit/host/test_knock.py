"""Connections to addresses behind a bridge: a real one, with real rules, in a network of its own."""

from __future__ import annotations

import runpy
import socket
from ipaddress import IPv4Address
from typing import Any

import pytest

from harness.errors import CommandError
from harness.host import knock
from harness.host.facts import Asked
from harness.host.knock import Knocks, knocked
from tests.unit.peers.this_machine import Apart

BRIDGE = "ip link add fcbr0 type bridge; ip address add 192.168.100.1/24 dev fcbr0; ip link set fcbr0 up"
VMS = [IPv4Address(f"192.168.100.{number}") for number in (254, 253)]
TABLE = (
    "nft add table inet t; nft 'add chain inet t {hook} {{ type filter hook {hook} priority 0; }}'; {rule}"
)
SOMEBODY = (
    "setpriv --pdeathsig KILL unshare --net sleep 600 >/dev/null 2>&1 & "
    'while [ "$(readlink /proc/$!/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do :; done; '
    "ip link add fc-vm-1 type veth peer name eth0 netns $!; ip link set fc-vm-1 master fcbr0 up; "
    'within="nsenter --net=/proc/$!/ns/net"; $within ip link set eth0 up; '
    'take="$within ip address add 192.168.100.254/24 dev eth0"; {when}'
)
"""Another port of the bridge, behind which somebody takes an address, by ``$take``."""
MEANWHILE = (
    "timeout 60 sh -c 'until ip neighbour show 192.168.100.253 dev fcbr0 | grep -q lladdr; do :; done; "
    '\'"$take" >/dev/null 2>&1 & :'
)
"""Once the host has found whoever is at the other one."""
ODD_IP = (
    "mount -t tmpfs acc-bin /usr/local/sbin; printf '%s\\n' '#!/bin/sh' '{line}' 'exec /sbin/ip \"$@\"'"
    " > /usr/local/sbin/ip; chmod 755 /usr/local/sbin/ip"
)
NO_IPV6 = (
    'case " $* " in *" addrgenmode "*)'
    ' echo "RTNETLINK answers: Address family not supported by protocol" >&2; exit 2;; esac'
)
"""What a kernel that was booted with ipv6.disable=1 has ``ip`` say."""
OLDER = r'case "$1 $2" in "-j -d") /sbin/ip "$@" | sed "s/^\[/[{},/"; exit;; esac'
"""``ip`` of old begins with an empty object."""
NEIGHBOURS = """
import json, subprocess, sys
source, ask = json.loads(sys.argv[1])
def printed(*words):
    return json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout or "[]")
tried = printed(sys.executable, "-c", source, json.dumps(ask))["knocks"][0]["address"]
print(json.dumps([tried, printed("ip", "-j", "neighbour", "show", "dev", "fcbr0", "nud", "all")]))
"""
KILLED = """
import json, signal, subprocess, sys, time
source, ask = json.loads(sys.argv[1])
def there():
    return not subprocess.run(["ip", "link", "show", ask["device"]], capture_output=True).returncode
def waited(for_what):
    deadline = time.monotonic() + 60
    while there() is not for_what and time.monotonic() < deadline:
        time.sleep(0.01)
    return there() is for_what
with subprocess.Popen([sys.executable, "-c", source, json.dumps(ask)], stdout=subprocess.DEVNULL) as probe:
    came = waited(True)
    probe.send_signal(signal.SIGKILL)
print(json.dumps([came, waited(False)]))
"""


def asked(prepare: str, *groups: list[IPv4Address]) -> Knocks:
    host: Asked = Apart(f"{BRIDGE}; {prepare}")
    return knocked(host, groups or [VMS], 8080, device="acc-abcdef-b")


def ask_of(group: list[IPv4Address], *, timeout_s: int) -> dict[str, object]:
    """What the probe is asked."""
    return {
        **{"bridge": "fcbr0", "address": "192.168.100.1", "prefix": 24, "device": "acc-abcdef-b"},
        **{"port": 8080, "control": 9, "timeout_s": timeout_s, "groups": [[str(one) for one in group]]},
    }


def ruled(hook: str, rule: str) -> str:
    return TABLE.format(hook=hook, rule=f"nft 'add rule inet t {hook} {rule}'")


def test_where_nothing_stops_it_a_connection_gets_through_and_nothing_of_ours_stays() -> None:
    found = asked("true")
    (one,) = found.knocks
    assert one is not None
    assert (one.address, one.through, one.error, one.came >= 3, one.sent >= 1) == (
        *(str(VMS[0]), True, "", True, True),
    )


@pytest.mark.parametrize(
    ("hook", "rule", "came", "control"),
    [
        ("output", "tcp dport 8080 drop", False, True),
        ("output", "tcp dport 8080 reject with tcp reset", False, True),
        ("output", "ip daddr 192.168.100.0/24 drop", False, False),
        ("input", "tcp sport 8080 drop", True, True),
        ("input", 'iifname "fcbr0" drop', True, False),
    ],
)
def test_what_is_stopped_tells_where(hook: str, rule: str, came: bool, control: bool) -> None:
    (one,) = asked(ruled(hook, rule)).knocks
    assert one is not None
    assert (one.through, one.came > 0, one.sent > 0, one.control) == (False, came, came, control)
    assert ("did not get back" in one.told(8080)) is came


def test_an_address_that_somebody_has_is_left_alone() -> None:
    somebody = SOMEBODY.format(when="$take")
    (one,) = asked(somebody).knocks
    assert one is not None
    assert (one.address, one.through) == (str(VMS[1]), True)
    assert asked(somebody, VMS[:1]).knocks == (None,)


def test_an_address_that_somebody_gets_while_another_is_tried_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So long the other is tried in vain that on a busy machine, too, somebody gets it meanwhile."""
    monkeypatch.setattr(knock, "_CONNECT_S", 8.0)
    slow = ruled("input", "ip saddr 192.168.100.253 tcp sport 8080 drop")
    found = asked(f"{slow}; {SOMEBODY.format(when=MEANWHILE)}", VMS[1:], VMS[:1])
    assert [one and one.through for one in found.knocks] == [False, None]


def test_whoever_answered_is_heard_though_we_were_held_up() -> None:
    """Else an address would be taken that somebody has."""
    frames = runpy.run_path(str(knock._PROBE))["_frames"]
    near, far = socket.socketpair(type=socket.SOCK_DGRAM)
    with near, far:
        for said in (b"one", b"two"):
            far.send(said)
        assert list(frames(near, 0.0)) == [b"one", b"two"]


def test_what_an_operator_has_told_the_host_of_an_address_stays() -> None:
    """And of an address that was tried nothing does. (A bridge that changes its own MAC forgets all.)"""
    add = "ip link set fcbr0 address 02:00:00:00:00:01; "
    add += "ip neighbour add 192.168.100.254 lladdr 02:00:00:00:00:07 dev fcbr0 nud permanent"
    tried, left = Apart(f"{BRIDGE}; {add}").python(
        NEIGHBOURS, [knock._PROBE.read_text(), ask_of(VMS, timeout_s=3)], timeout_s=60
    )
    assert tried == str(VMS[1])
    assert [(one["dst"], one["lladdr"], one["state"]) for one in left if "192." in one["dst"]] == [
        (str(VMS[0]), "02:00:00:00:00:07", ["PERMANENT"])
    ]


def test_an_address_whose_vm_has_just_ended_is_found_where_it_is_now() -> None:
    """The host remembers for some time where it was."""
    add = "ip link set fcbr0 address 02:00:00:00:00:01; "
    add += "ip neighbour add 192.168.100.254 lladdr 02:00:00:00:00:07 dev fcbr0 nud reachable"
    somebody = "ip link add fc-vm-1 type veth peer name fc-vm-2; ip link set fc-vm-1 master fcbr0 up"
    (one,) = asked(f"{somebody}; ip link set fc-vm-2 up; {add}", VMS[:1]).knocks
    assert one is not None
    assert one.through


@pytest.mark.parametrize("line", [NO_IPV6, OLDER], ids=["no IPv6", "older"])
def test_hosts_differ(line: str) -> None:
    (one,) = asked(ODD_IP.format(line=line)).knocks
    assert one is not None
    assert one.through


def test_it_is_gone_however_it_ends() -> None:
    host = Apart(f"{BRIDGE}; {ruled('output', 'tcp dport 8080 drop')}")
    ask = ask_of(VMS[:1], timeout_s=60)
    assert host.python(KILLED, [knock._PROBE.read_text(), ask], timeout_s=300) == [True, True]


def test_a_rule_about_others_stops_nobody() -> None:
    """One address of each group is tried."""
    found = asked(ruled("output", "ip daddr 192.168.100.7 drop"), VMS, [IPv4Address("192.168.100.7")])
    assert [one and one.through for one in found.knocks] == [True, False]


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        ("ip link set fcbr0 down", "fcbr0 is down"),
        ("ip address flush dev fcbr0", "fcbr0 has no address 192.168.100.1"),
        ("ip link delete fcbr0", "fcbr0"),
        ("ip link set fcbr0 type bridge stp_state 1", "runs STP"),
        ("ip link add acc-abcdef-b type bridge", "File exists"),
    ],
)
def test_where_nothing_can_be_tried_it_says_why(prepare: str, told: str) -> None:
    found = asked(prepare)
    assert told in found.untold
    assert found.knocks == (None,)


def test_a_host_on_which_it_fails_has_told_nothing() -> None:
    class Failing(Apart):
        def python(self, source: str, argument: object = None, *, timeout_s: float) -> Any:  # noqa: ARG002
            raise CommandError("Python on the host: status 1")

    found = knocked(Failing("true"), [VMS, VMS], 8080, device="acc-abcdef-b")
    assert found == Knocks("Python on the host: status 1", (None, None))
