"""No VM is ever found healthy, so no session starts."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults.controller import SESSION, defective
from lab.faults.patient import Patient

REDS = {"session.session_starts", "session.second_session_starts"}
BROKEN = {
    f"session.{check}"
    for check in (
        *("start_answer_is_complete", "session_is_ready", "health_passes_from_the_host"),
        *("launch_markers_come_in_order", "launch_markers_come_in_time"),
        *("vm_row_is_complete", "session_row_is_complete", "vm_is_on_the_host", "sessions_share_nothing"),
        *("cancel_is_answered_in_time", "nothing_of_the_vm_is_left", "cancelled_vm_is_destroyed"),
        *("cancelled_session_is_over", "second_cancel_is_a_json_409", "host_is_as_before"),
        *("golden_snapshot_is_untouched", "bridge_is_as_before", "firewall_is_as_before"),
        *("other_rows_are_as_before", "other_session_goes_on"),
    )
}
"""All that needs a session."""
LAYERS = SESSION
_DEFECT = """
from lab.controller import health
async def never(settings, vm):
    raise health.NotHealthyError("VM health check timeout after 0 s")
health.wait_ready = never
"""


def inject(patient: Patient) -> AbstractContextManager[None]:
    """The controller gives up at once."""
    return defective(patient, _DEFECT)
