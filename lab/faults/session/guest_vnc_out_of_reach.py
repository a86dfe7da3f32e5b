"""Nobody on the host but root reaches VNC in a VM."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.firewall import unreachable
from lab.faults.patient import Patient

REDS = {
    "session.hop_shows_the_page[guest_vnc]",
}
LAYERS = ("session/test_window.py",)


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The window itself goes by websockify inside the VM, and works on."""
    return unreachable(patient, 5901)
