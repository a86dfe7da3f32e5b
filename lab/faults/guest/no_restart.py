"""systemd never restarts the agent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.edit import unit_edited
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

REDS = {
    "guest.killed_agent_is_recovered_from",
    "guest.killed_agent_is_restarted_after_its_delay",
    "guest.taken_port_is_never_given_up",
    "guest.taken_port_is_recovered_from",
}
LAYERS = (
    "guest/test_crash.py::test_killed_agent_is_recovered_from",
    "guest/test_crash.py::test_killed_agent_is_restarted_after_its_delay",
    "guest/test_taken_port.py",
)


@contextmanager
def inject(patient: Patient) -> Iterator[None]:
    """What never comes need not be waited for long."""
    with (
        golden_variant(patient, unit_edited(("Restart=always", "Restart=no"))),
        patient.profile(guest={"recovery_s": 15}),
    ):
        yield
