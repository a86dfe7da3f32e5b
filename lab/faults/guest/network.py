"""The clone's network: what waits for it, what listens on it, and what an outage does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from lab.faults.edit import UNIT, unit_edited
from lab.faults.fault import behind, fault
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

UNREADY = """
systemctl disable systemd-networkd-wait-online
systemctl stop systemd-networkd-wait-online network-online.target
systemctl start network-online.target
systemctl start systemd-networkd-wait-online
systemd-run --quiet --unit=stranger python3 -S -m http.server 9999
"""


@fault(
    reds={
        "guest.wait_online_is_enabled_and_succeeded[golden]",
        "guest.network_online_was_reached[golden]",
        "guest.agent_started_after_the_network[golden]",
        "guest.no_other_port_listens[golden]",
        "guest.window_is_listened_for[golden]",
    },
    behind=behind(
        "guest.window_is_listened_for[golden]", ("guest.vnc_speaks_rfb", "guest.novnc_page_is_served")
    ),
    alone={"guest.vnc_speaks_rfb", "guest.novnc_page_is_served"},
    asks=("guest/test_network.py", "guest/test_window.py"),
)
def network(patient: Patient) -> AbstractContextManager[None]:
    """Nothing waited for the network before the agent started, a stranger listens, and the desktop is down.

    The target is reached anew, after the agent's start and before the service that should come first.
    """
    return golden_variant(patient, UNREADY + "systemctl stop novnc vnc\n")


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
_END_WITH_THE_NETWORK = (
    f"systemd-run --quiet --unit=watcher --description=watcher python3 -S -c '{_WATCHER}'\n"
    + unit_edited(("StartLimitIntervalSec=0", "StartLimitIntervalSec=30"))
)


@fault(
    reds={
        "guest.link_outage_is_recovered_from",
        "guest.link_outage_restarts_nothing",
        "guest.taken_port_is_never_given_up",
    },
    asks=("guest/test_link_outage.py", "guest/test_taken_port.py"),
)
@contextmanager
def outages(patient: Patient) -> Iterator[None]:
    """The agent ends with its network, and systemd gives it up after a few starts.

    The watcher begins with the clone's own MAC; what never comes need not be waited for long.
    """
    with golden_variant(patient, _END_WITH_THE_NETWORK), patient.profile(guest={"recovery_s": 40}):
        yield
