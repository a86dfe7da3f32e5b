"""A VM's TAP in a network namespace of its VMM's own, and its socket in a jail of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.causes import look as look_module
from harness.causes.facts import Answer, Facts, Hops, Process
from harness.causes.hops import HopsSeen, Target, ask_hops
from harness.causes.look import look
from harness.causes.table import diagnose
from tests.unit.peers.this_machine import Apart, Here

PATIENCE_S = 60.0
TAP, ADDRESS = "tap7", "192.168.100.7"


ALONE = """
    cp -L /bin/sh /run/firecracker; mkfifo /run/end /run/ready
    unshare --net sh -ec '%s; echo >/run/ready
      exec /run/firecracker -c "read line </run/end" --id x' >/dev/null 2>&1 &
    exec 9<>/run/end; read line </run/ready"""
"""A VMM with a network namespace of its own, once that is made; it waits for the end of the probe."""
HOSTS = "ip link add fcbr0 type bridge; ip address add 192.168.100.1/24 dev fcbr0; ip link set fcbr0 up"
GUEST = (
    f"ip link add {TAP} type veth peer name eth0; ip link set {TAP} up; ip address add {ADDRESS}/24 dev eth0;"
    " ip link set eth0 up"
)
"""One that answers by ARP: whoever has the other end of its TAP."""


def looked(inside: str, outside: str = HOSTS) -> Hops:
    seen = ask_hops(
        Apart(f"{outside}; {ALONE % inside}"), Target("it", "x", ADDRESS, TAP, "fcbr0"), limit_s=PATIENCE_S
    )
    assert seen.hops is not None, seen
    assert seen.hops.process.runs
    return seen.hops


def cause_of(hops: Hops) -> str:
    facts = Facts("it", address=ADDRESS, bridge="fcbr0", host_address="192.168.100.1/24", tap=TAP, hops=hops)
    found = diagnose(facts)
    return found.cause.name if found.cause else "none"


def test_a_tap_in_its_vmms_network_namespace_is_seen_there() -> None:
    """It is no port of the host's bridge. A guest that answers on it is not silent, though nobody answers on
    the bridge: the way between the two is cut."""
    hops = looked(GUEST)
    assert hops.apart
    assert hops.tap is not None
    assert (hops.tap.up, hops.tap.sent > 0) == (True, True)
    assert hops.answers is not None
    assert (len(hops.answers), hops.macs) == (1, ())
    assert cause_of(hops) == "none"
    template = replace(hops, boot_args="ip=192.168.100.2::192.168.100.1:255.255.255.0")
    assert cause_of(template) == "none", "it has been given another since"
    assert cause_of(replace(template, answers=())) == "network.wrong_ip_argument"


@pytest.mark.parametrize(
    ("inside", "name"),
    [
        (f"{GUEST}; ip link set eth0 down; ip link set {TAP} up", "network.guest_silent"),
        (f"ip tuntap add dev {TAP} mode tap", "network.tap_down"),
        ("true", "network.tap_missing"),
    ],
)
def test_each_hop_in_a_namespace_is_told(inside: str, name: str) -> None:
    assert cause_of(looked(inside)) == name


def test_a_tap_by_another_name_in_the_namespace_is_not_missing() -> None:
    """What the row says of it may be what the host calls its way there."""
    target = Target("it", "x", ADDRESS, TAP, "fcbr0")
    vmm = ALONE % "ip tuntap add dev tap0 mode tap"
    seen = ask_hops(Apart(f"{HOSTS}; {vmm}"), target, limit_s=PATIENCE_S)
    assert seen.hops is not None
    assert seen.hops.tap is None
    assert seen.unknown["tap"] == f"in its VMM's network namespace is no {TAP}, but tap0"


def test_a_device_of_that_name_on_the_host_is_not_the_vms() -> None:
    """It may be another VM's way, or of no VM."""
    hops = looked("true", f"{HOSTS}; ip link add {TAP} type veth peer name far; ip link set {TAP} up")
    assert (hops.tap, cause_of(hops)) == (None, "network.tap_missing")


@pytest.mark.parametrize(
    ("unknown", "name"), [({}, "network.tap_missing"), ({"tap": "it is elsewhere"}, "none")]
)
def test_a_device_that_was_not_looked_for_is_not_missing(
    monkeypatch: pytest.MonkeyPatch, unknown: dict[str, str], name: str
) -> None:
    hops = Hops(Process(41, "S"), agent=Answer(8080, "timeout"))
    monkeypatch.setattr(look_module, "ask_hops", lambda _host, _target: HopsSeen(hops, unknown=unknown))
    found = diagnose(look(Here(), Target("it", "x", ADDRESS, TAP))).cause
    assert (found.name if found else "none") == name


JAILED = """
import os, socketserver, sys, threading
from http.server import BaseHTTPRequestHandler
class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"state": "Running"}')
    def log_message(self, *_):
        pass
server = socketserver.UnixStreamServer(sys.argv[sys.argv.index("--api-sock") + 1], Answers)
threading.Thread(target=server.serve_forever, daemon=True).start()
log = open("/run/log", "w")
print("what it says", file=log, flush=True)
os.close(os.open("/ready", os.O_WRONLY))
os.read(os.open("/end", os.O_RDONLY), 1)
"""


def test_a_vmm_in_a_jail_is_asked_at_its_own_socket(tmp_path: Path) -> None:
    """Its command line names it, and its log, as the jail has them: the host may have another one there."""
    (tmp_path / "firecracker").write_text(f"#!/usr/bin/python3 -IS{JAILED}")
    jail = f"""
    mkdir -p /run/jail/run; cd /run/jail; mkfifo ready end
    for name in usr lib lib64 bin; do mkdir $name; mount --rbind /$name $name; done
    cp {tmp_path}/firecracker .; chmod 755 firecracker
    chroot . /firecracker --id x --api-sock /run/api.sock --log-path /run/log >/dev/null 2>&1 &
    exec 9<>end; read line <ready || true"""
    seen = ask_hops(Apart(jail), Target("it", "x", ADDRESS, TAP), limit_s=PATIENCE_S)
    assert seen.hops is not None
    assert seen.hops.api == "Running"
    assert "what it says" in seen.hops.process.said


def test_a_vmm_whose_socket_has_a_long_path_is_asked(tmp_path: Path) -> None:
    """As long as an address may be: the path to the same file by way of its process is longer."""
    program = JAILED.replace('"/ready"', '"/run/ready"').replace('"/end"', '"/run/end"')
    (tmp_path / "firecracker").write_text(f"#!/usr/bin/python3 -IS{program}")
    place = f"/run/{'x' * 93}"
    vmm = f"""
    cp {tmp_path}/firecracker /run; chmod 755 /run/firecracker; mkfifo /run/ready /run/end; mkdir {place}
    /run/firecracker --id x --api-sock {place}/api.sock >/dev/null 2>&1 &
    exec 9<>/run/end; read line </run/ready || true"""
    seen = ask_hops(Apart(vmm), Target("it", "x", ADDRESS, TAP), limit_s=PATIENCE_S)
    assert seen.hops is not None
    assert seen.hops.api == "Running"
