"""Nobody on the host but root reaches websockify in a VM."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.firewall import unreachable
from lab.faults.patient import Patient

REDS = {
    "session.hop_shows_the_page[websockify]",
}
LAYERS = ("session/test_window.py",)


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The controller, which is root, still does."""
    return unreachable(patient, 6080)
