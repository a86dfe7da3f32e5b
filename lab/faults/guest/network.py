"""Nothing waited for the network before the agent started, a stranger listens, and the desktop is down."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

REDS = {
    "guest.wait_online_is_enabled_and_succeeded",
    "guest.network_online_was_reached",
    "guest.agent_started_after_the_network",
    "guest.no_other_port_listens",
    "guest.vnc_speaks_rfb",
    "guest.novnc_page_is_served",
}
LAYERS = ("guest/test_network.py", "guest/test_window.py")
_SCRIPT = """
systemctl disable systemd-networkd-wait-online
systemctl stop network-online.target
systemctl start network-online.target
systemctl restart systemd-networkd-wait-online
systemctl stop novnc vnc
systemd-run --quiet --unit=stranger python3 -S -m http.server 9999
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The target is reached anew, after the agent's start and before the service that should come first."""
    return golden_variant(patient, _SCRIPT)
