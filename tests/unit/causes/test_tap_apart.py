"""A VM's TAP where it cannot be looked for: in a network namespace of its VMM's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.causes import look as look_module
from harness.causes.facts import Answer, Hops, Process
from harness.causes.hops import HopsSeen, Target, ask_hops
from harness.causes.look import look
from harness.causes.table import diagnose
from tests.unit.peers.this_machine import Apart, Here

PATIENCE_S = 60.0
TAP, ADDRESS = "tap7", "192.168.100.7"


def test_a_tap_in_a_network_namespace_of_its_vmms_own_is_not_missing() -> None:
    """It waits for the end of the probe, which begins when it has begun to."""
    vmm = (
        "cp -L /bin/sh /run/firecracker; mkfifo /run/end; unshare --net"
        " /run/firecracker -c 'read line </run/end' --id x >/dev/null 2>&1 &\nexec 9>/run/end"
    )
    seen = ask_hops(Apart(vmm), Target("it", "x", ADDRESS, TAP), limit_s=PATIENCE_S)
    assert seen.hops is not None
    assert (seen.hops.process.runs, seen.hops.tap) == (True, None)
    assert seen.unknown["tap"] == "its VMM is in a network namespace of its own"


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
