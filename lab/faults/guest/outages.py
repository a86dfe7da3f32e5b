"""The agent ends with its network, and systemd gives it up after a few starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.edit import UNIT, unit_edited
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

REDS = {
    "guest.link_outage_is_recovered_from",
    "guest.link_outage_restarts_nothing",
    "guest.taken_port_is_never_given_up",
}
LAYERS = ("guest/test_link_outage.py", "guest/test_taken_port.py")
_WATCHER = f"""
import errno, os, pathlib, signal, socket, subprocess, time
mac = pathlib.Path("/sys/class/net/eth0/address")
before = mac.read_text()
while mac.read_text() == before:
    time.sleep(0.05)
show = ["systemctl", "show", "--value", "--property=MainPID", "{UNIT}"]
agent = int(subprocess.run(show, stdout=subprocess.PIPE).stdout)
refused = True
while refused:
    with socket.socket() as gateway:
        gateway.settimeout(0.4)
        refused = gateway.connect_ex(("192.168.100.1", 1)) == errno.ECONNREFUSED
    time.sleep(0.02)
os.kill(agent, signal.SIGSTOP)
subprocess.run(["systemctl", "stop", "--no-block", "{UNIT}"])
"""
"""The gateway refuses at once, unless nothing comes through: then the first try is lost, and the next would
come after a second. Stopped by a signal, the agent is silent before the network is back."""


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """The watcher begins with the clone's own MAC; what never comes need not be waited for long."""
    script = (
        f"systemd-run --quiet --unit=watcher --description=watcher python3 -S -c '{_WATCHER}'\n"
        + unit_edited(("StartLimitIntervalSec=0", "StartLimitIntervalSec=30"))
    )
    with golden_variant(patient, script), patient.profile(guest={"recovery_s": 40}):
        yield
