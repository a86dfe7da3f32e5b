"""A clone that cannot be reached: its network goes as soon as it is its own, or its VMM does."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.fault import Fault, Inject
from lab.faults.guest.down import HEALTH, HEALTHY, PATIENCE_S
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

_ONCE_ITS_OWN = """
import pathlib, subprocess, time
mac = pathlib.Path("/sys/class/net/eth0/address")
before = mac.read_text()
while mac.read_text() == before:
    time.sleep(0.02)
subprocess.run(["sh", "-c", {what}])
"""
"""The clone's guard gives it a MAC of its own right after the restore."""
_STOPPED = "systemctl stop browser-vm-auth\n"
"""Else it would be well before anything can happen to it."""
_UNTIL_IT_ENDS_S = 120
"""A VMM that ends is waited for no longer than that takes, and on a busy machine it may take long."""

_AT_VMM = """
import http.client, json, os, pathlib, signal, socket, time

def words(pid):
    return pathlib.Path(f"/proc/{{pid}}/cmdline").read_bytes().replace(b"\\0", b" ").decode().split()

def ask(path, method, what, body=None):
    way = http.client.HTTPConnection("localhost", timeout=5)
    way.sock = socket.socket(socket.AF_UNIX)
    way.sock.connect(path)
    way.request(method, what, body, {{"Content-Type": "application/json"}})
    return way.getresponse().read()

done = set()
while True:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            said = words(pid)
            if pid in done or "--api-sock" not in said or "/acc-" not in " ".join(said):
                continue
            path = said[said.index("--api-sock") + 1]
            if json.loads(ask(path, "GET", "/"))["state"] == "Running":
                time.sleep(1)
                {what}
                done.add(pid)
        except (OSError, ValueError, http.client.HTTPException):
            continue
    time.sleep(0.2)
"""


def _in_guest(name: str, cause: str, breaks: str, what: str, *, patience_s: float = PATIENCE_S) -> Fault:
    watcher = _ONCE_ITS_OWN.format(what=repr(what))
    script = f"{_STOPPED}systemd-run --quiet --unit=watcher python3 -S -c {shlex.quote(watcher)}\n"

    @contextmanager
    def inject(patient: Patient) -> Iterator[None]:
        health = {"restore_health_s": patience_s}
        with golden_variant(patient, script, healthy=False), patient.profile(guest=health):
            yield

    return _fault(name, cause, breaks, inject)


def _at_vmm(name: str, breaks: str, what: str) -> Fault:
    watcher = shlex.join(["python3", "-S", "-c", _AT_VMM.format(what=what)])

    @contextmanager
    def inject(patient: Patient) -> Iterator[None]:
        health = {"restore_health_s": PATIENCE_S}
        with (
            golden_variant(patient, _STOPPED, healthy=False),
            patient.profile(guest=health),
            patient.on_host(
                do=f"systemd-run --quiet --collect --unit=fa017-at-vmm {watcher}",
                undo="systemctl stop fa017-at-vmm",
            ),
        ):
            yield

    return _fault(name, f"vmm.{name.partition('_')[2]}", breaks, inject)


def _fault(name: str, cause: str, breaks: str, inject: Inject) -> Fault:
    return Fault(f"guest.{name}", breaks, inject, HEALTH, frozenset({HEALTHY}), cause=cause)


FAULTS = (
    _in_guest(
        "interface_goes_down",
        "network.guest_silent",
        "The guest's network interface goes down right after the restore.",
        "ip link set eth0 down",
    ),
    _in_guest(
        "takes_another_address",
        "network.guest_elsewhere",
        "The guest takes another address right after the restore, and speaks from there.",
        "ip address flush dev eth0; ip address add 192.168.100.77/24 dev eth0; ping -i 0.2 192.168.100.1",
    ),
    _in_guest(
        "powers_off",
        "vmm.ended",
        "The guest resets right after the restore, which ends its VMM: a power-off would leave it.",
        "echo b >/proc/sysrq-trigger",
        patience_s=_UNTIL_IT_ENDS_S,
    ),
    _at_vmm(
        "vmm_killed",
        "Somebody kills VMMs on the host a second after they run.",
        "os.kill(int(pid), signal.SIGKILL)",
    ),
    _at_vmm(
        "vmm_stopped",
        "VMMs on the host are stopped by a signal a second after they run.",
        "os.kill(int(pid), signal.SIGSTOP)",
    ),
    _at_vmm(
        "vmm_paused",
        "VMs are paused by their API a second after they run, and nobody resumes them.",
        'ask(path, "PATCH", "/vm", json.dumps({"state": "Paused"}))',
    ),
)
