"""The way to a VM as this machine shows it: devices of a network of its own, and ports of loopback."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import runpy
import shlex
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.causes import hops as hops_of
from harness.causes.facts import Facts
from harness.causes.hops import PROBE, HopsSeen, Target, ask_hops
from harness.causes.table import diagnose
from harness.host.facts import Asked
from harness.redact import MASK, redact
from harness.site.profile import Site
from tests.unit.peers.this_machine import Apart, Here

PATIENCE_S = 60.0
"""On a machine that is busy otherwise: what comes counts here, and not when."""
HERE = "/proc/self/ns/net"
"""Devices are looked for where we look from, and not where the process is."""
TAP, BRIDGE, ADDRESS = "tap7", "fcbr0", "192.168.100.7"
WELL = (
    f"ip link set lo up; ip link add {BRIDGE} type bridge; ip address add 192.168.100.1/24 dev {BRIDGE};"
    f" ip link set {BRIDGE} up; ip link add {TAP} type veth peer name far; ip link set far up;"
    f" ip link set {TAP} master {BRIDGE} up"
)

_SPEAK = """
import os, socket, sys, time
looker = os.getppid()
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind((sys.argv[1], 0x0806))
address = socket.inet_aton("192.168.100.77")
head = b"\\xff" * 6 + b"\\x02" * 6 + bytes.fromhex("08060001080006040001") + b"\\x02" * 6
while os.getppid() == looker:
    wire.send(head + address + bytes(10))
    time.sleep(0.05)
"""
_SPEAKS = f"python3 -S -c {shlex.quote(_SPEAK)} %s >/dev/null 2>&1 &\ntrue"
"""Somebody at the far end says, by ARP, that he has another address, as long as there is who looks."""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A look that gives whoever is to be heard the time that a busy machine may take him."""
    probe, limits = tmp_path / "sick.py", "CONNECT_S, ANSWER_S, LISTEN_S = "
    text = re.sub(f"(?m)^{limits}.*$", f"{limits}60.0, 60.0, 5.0", PROBE.read_text())
    assert text != PROBE.read_text()
    probe.write_text(text)
    monkeypatch.setattr(hops_of, "PROBE", probe)


def cause(seen: HopsSeen) -> str:
    facts = Facts(
        "it", address=ADDRESS, bridge=BRIDGE, host_address="192.168.100.1/24", tap=TAP, hops=seen.hops
    )
    found = diagnose(facts).cause
    return found.name if found else "none"


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ("true", "network.guest_silent"),
        (f"ip link set {TAP} down", "network.tap_down"),
        (f"ip link set {TAP} nomaster", "network.tap_off_bridge"),
        (f"ip link delete {TAP}", "network.tap_missing"),
        (f"ip link set {BRIDGE} down", "network.bridge_down"),
        (f"ip address flush dev {BRIDGE}", "network.bridge_without_address"),
    ],
)
def test_each_hop_is_told_as_the_kernel_shows_it(more: str, name: str) -> None:
    """The process is this one: it runs."""
    target = Target("it", "x", ADDRESS, TAP, BRIDGE, netns=HERE, pid=os.getpid())
    assert cause(ask_hops(Apart(f"{WELL}; {more}"), target, limit_s=PATIENCE_S)) == name


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("bridge", "others"), [("", ("192.168.100.77",)), (BRIDGE, ())])
def test_who_else_speaks_on_a_bridge_is_not_the_guest(bridge: str, others: tuple[str, ...]) -> None:
    """On a TAP of its own there is nobody else."""
    tap = TAP if bridge else "near"
    far = (
        "ip link add near type veth peer name far2; ip address add 192.168.100.9/24 dev near;"
        f" ip link set near up; ip link set far2 up; {_SPEAKS % ('far' if bridge else 'far2')}"
    )
    target = Target("it", "x", ADDRESS, tap, bridge, netns=HERE, pid=os.getpid())
    seen = ask_hops(Apart(f"{WELL}; {far}"), target, limit_s=PATIENCE_S)
    assert seen.hops is not None
    assert seen.hops.elsewhere == others


@pytest.mark.usefixtures("forgetful")
def test_what_a_kernel_is_told_in_secret_is_not_shown() -> None:
    """Nor by any other text from then on."""
    parts = dict.fromkeys(("macs", "tap", "bridge", "agent", "ssh"))
    told = "console=ttyS0 systemd.setenv=API_TOKEN=s3cretValue db.password=pw1 ip=192.168.100.77::x:eth0:off"
    answer: dict[str, object] = {
        **parts,
        "process": {},
        "settings": {},
        "console": "",
        "unknown": {},
        "boot_args": told,
    }
    host = cast(Asked, SimpleNamespace(site=Here().site, python=lambda *_, **__: answer))
    hops = ask_hops(host, Target("it", "x", ADDRESS, TAP)).hops
    assert hops is not None
    assert "s3cretValue" not in hops.boot_args
    assert "pw1" not in hops.boot_args
    assert "console=ttyS0 " in hops.boot_args
    assert " ip=192.168.100.77::" in hops.boot_args
    assert redact("s3cretValue") == MASK


def test_a_process_that_is_over_is_told() -> None:
    seen = ask_hops(
        Apart(WELL), Target("it", "no such word", ADDRESS, TAP, BRIDGE, ended=-9), limit_s=PATIENCE_S
    )
    assert cause(seen) == "vmm.killed"


@contextmanager
def served(*chunks: bytes) -> Iterator[int]:
    """Somebody at a port of loopback who says this to whoever comes, and then no more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):  # it is over
                while True:
                    taken, _ = server.accept()
                    held.append(taken)
                    for chunk in chunks:
                        taken.sendall(chunk)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for one in held:
                one.close()


def asked(port: int) -> HopsSeen:
    here = Here()
    here.site = Site.model_validate({"name": "here", "agent": {"port": port}, "guest": {"ssh_port": port}})
    return ask_hops(here, Target("it", "x", "127.0.0.1", "lo", pid=os.getpid()), limit_s=PATIENCE_S)


SAID = b"HTTP/1.1 404 Not Found\r\nServer: SimpleHTTP/0.6\r\nContent-Length: 3\r\n\r\nno\n"


def test_what_a_port_said_is_read_however_late_we_come_to_it() -> None:
    """On a busy host a look may be held up between any two steps."""
    answer = runpy.run_path(str(PROBE))["answer"]
    late = SimpleNamespace(monotonic=itertools.count(step=100).__next__)
    answer.__globals__.update(time=late, ANSWER_S=PATIENCE_S)
    with served(SAID) as port:
        assert answer("127.0.0.1", port, "/health")["status"] == 404


def test_what_a_port_says_is_told() -> None:
    with served(SAID) as port:
        hops = asked(port).hops
    assert hops is not None
    assert hops.agent is not None
    assert (hops.agent.fate, hops.agent.status) == ("connected", 404)
    assert hops.agent.said == "no (Server: SimpleHTTP/0.6)"


def test_a_port_that_says_nothing_is_not_waited_for() -> None:
    with served() as port:
        hops = asked(port).hops
    assert hops is not None
    assert hops.agent is not None
    assert (hops.agent.fate, hops.agent.status, hops.agent.said) == ("connected", None, "")


def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        hops = asked(unused.getsockname()[1]).hops
    assert hops is not None
    assert hops.agent is not None
    assert hops.agent.fate == "refused"


def test_the_probe_is_a_program_of_python_3_9() -> None:
    compile(PROBE.read_text(), str(PROBE), "exec")
