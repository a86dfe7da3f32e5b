"""Sessions whose VM runs, and which the host does not reach: something on the way is missing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults.controller import Defect, defective
from lab.faults.fault import fault
from lab.faults.firewall import ruled
from lab.faults.launching import HEALTH_S, LAUNCH_S, launching
from lab.faults.patient import Patient

STARTS = ("session/test_launch.py::test_session_starts",)
_RED = {"session.session_starts"}


@fault(reds=_RED, asks=STARTS, cause="network.tap_missing")
def tap_deleted(patient: Patient) -> AbstractContextManager[None]:
    """Somebody deletes the TAP device of a VM that has just been started."""
    return launching(patient, "ip", "link", "delete", "dev", "TAP")


@fault(reds=_RED, asks=STARTS, cause="network.tap_off_bridge")
def tap_not_on_bridge(patient: Patient) -> AbstractContextManager[None]:
    """The TAP device of a new VM is a port of no bridge."""
    return launching(patient, "ip", "link", "set", "dev", "TAP", "nomaster")


@fault(reds=_RED, asks=STARTS, cause="network.tap_down")
def tap_is_down(patient: Patient) -> AbstractContextManager[None]:
    """The TAP device of a new VM is down."""
    return launching(patient, "ip", "link", "set", "dev", "TAP", "down")


@fault(reds=_RED, asks=STARTS, cause="network.answers_dropped")
@contextmanager
def answers_dropped(patient: Patient) -> Iterator[None]:
    """A rule of the host drops whatever comes from the agents' port."""
    with ruled(patient, "input", "tcp sport 8080 drop"), launching(patient):
        yield


_RIVAL = "fa017"
_FIRST, _LAST = 3, 10
"""Addresses that VMs of a controller which has just started get."""
_INSIST = f"""
import socket, sys, time
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth0", 0x0806))
own = wire.getsockname()[4]
host = bytes.fromhex(sys.argv[1].replace(":", ""))
head = host + own + bytes.fromhex("08060001080006040001") + own
while True:
    for number in range({_FIRST}, {_LAST + 1}):
        wire.send(head + bytes((192, 168, 100, number)) + bytes(6) + bytes((192, 168, 100, 1)))
    time.sleep(0.05)
"""
"""It asks the host for the host's own address: by that, the host knows at once where who asks is."""
_TAKE = f"""ip netns add {_RIVAL}
ip link add fa017-rival type veth peer name eth0 netns {_RIVAL}
ip link set fa017-rival master fcbr0 up
ip -n {_RIVAL} link set lo up
ip -n {_RIVAL} link set eth0 up
seq {_FIRST} {_LAST} | sed 's#.*#address add 192.168.100.&/24 dev eth0#' | ip -n {_RIVAL} -batch -
systemd-run --quiet --collect --unit=fa017-rival ip netns exec {_RIVAL} \\
    python3 -S -c {shlex.quote(_INSIST)} "$(cat /sys/class/net/fcbr0/address)"
"""
_LEAVE = f"""systemctl stop fa017-rival || true
ip netns delete {_RIVAL}
ip link delete fa017-rival 2>/dev/null || true
ip neighbour flush dev fcbr0"""


@fault(reds=_RED, asks=STARTS, cause="network.address_taken")
@contextmanager
def address_is_anothers(patient: Patient) -> Iterator[None]:
    """Somebody on the bridge has the addresses that VMs get, and lets the host know all the while."""
    with patient.on_host(do=_TAKE, undo=_LEAVE), launching(patient):
        yield


@fault(reds=_RED, asks=STARTS, cause="controller.gave_up")
@contextmanager
def healthy_and_given_up(patient: Patient) -> Iterator[None]:
    """The controller asks for health elsewhere, and gives up VMs that are well."""
    defect = Defect(
        python=f"""
        import asyncio
        from lab.controller import health
        async def never(settings, vm):
            await asyncio.sleep({HEALTH_S})
            raise health.NotHealthyError("VM health check timeout after {HEALTH_S} s")
        health.wait_ready = never
        """,
        node=f"""
        own('agents').ready = async () => {{
          await sleep({HEALTH_S} * 1000);
          throw new Error('VM health check timeout after {HEALTH_S} s');
        }};
        """,
    )
    with patient.profile(session={"launch_s": LAUNCH_S}), defective(patient, defect):
        yield
