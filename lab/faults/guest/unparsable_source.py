"""The agent's source is no JavaScript any more, so the agent is down: the incident."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.edit import AGENT, UNIT, edited
from lab.faults.patient import Patient
from lab.faults.variant import golden_variant

REDS = {
    "guest.server_source_parses",
    "guest.health_answers_in_time",
    "guest.health_says_what_is_documented",
    "guest.unknown_path_is_a_json_404",
    "guest.bad_json_is_a_json_400",
    "guest.health_is_steady_under_load",
    "guest.port_is_the_agents",
    "guest.unit_is_active",
}
LAYERS = ("guest/test_health.py", "guest/test_source.py", "guest/test_unit.py::test_unit_is_active")
_SCRIPT = edited(f"{AGENT}/server.js", ("const PORT =", "const PORT = = ")) + f"systemctl stop {UNIT}\n"


def inject(patient: Patient) -> AbstractContextManager[None]:
    """Where nobody answers, no answer is the one that it should be."""
    return golden_variant(patient, _SCRIPT, healthy=False)
