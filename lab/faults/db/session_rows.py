"""Rows of sessions that break a claim."""

from __future__ import annotations

from contextlib import AbstractContextManager

from lab.faults import rows
from lab.faults.fault import fault
from lab.faults.patient import Patient

INCIDENT = "86549de0-c3bf-4803-8ef6-af99e2436023"

_ON_THE_VM = {**rows.UNFINISHED, "browser_vm_id": f"'{rows.vm_id(1)}'"}
"""An unfinished session on the first VM."""

_BEGUN_LONG_AGO = {"created_at": "now() - interval '2 days'", "started_at": "now() - interval '2 days'"}

FAULTS = (
    rows.fault_of_rows(
        "unknown_session_status",
        "A session has a status that the service does not know; it is unfinished, and on a live VM.",
        rows.vm(**rows.ALIVE),
        rows.session(**{**_ON_THE_VM, "status": "'dreaming'"}),
        reds={"db.session_statuses_are_known"},
    ),
    rows.fault_of_rows(
        "session_on_dead_vm",
        "An unfinished session is on a VM that is dead: the session is ready, and the VM was stopped.",
        rows.vm(),
        rows.session(**_ON_THE_VM),
        reds={"db.live_sessions_have_a_live_vm"},
    ),
    rows.fault_of_rows(
        "overdue_session",
        "An unfinished session is past its deadline for longer than the controller takes to end it: by five"
        " minutes, and its VM lives on.",
        rows.vm(**rows.ALIVE),
        rows.session(**{**_ON_THE_VM, "timeout_at": "now() - interval '5 minutes'"}),
        reds={"db.unfinished_sessions_are_in_time"},
    ),
    rows.fault_of_rows(
        "failed_without_reason",
        "A failed session has no error_message: it is blank.",
        rows.session(status="'failed'", error_message="' '"),
        reds={"db.failed_sessions_say_why"},
    ),
    rows.fault_of_rows(
        "old_failed_session",
        "A failed session is older than the clean-up allows: two days.",
        rows.session(status="'failed'", error_message="'reason'", **_BEGUN_LONG_AGO),
        reds={"db.no_old_failed_sessions"},
    ),
    rows.fault_of_rows(
        "session_from_the_future",
        "A session has a time in the future: it was completed tomorrow.",
        rows.session(completed_at="now() + interval '1 day'"),
        reds={"db.session_times_are_possible"},
    ),
    rows.fault_of_rows(
        "two_sessions_on_one_vm",
        "Two unfinished sessions have one Browser VM: both are ready, and the VM is live.",
        rows.vm(**rows.ALIVE),
        *(rows.session(n, **_ON_THE_VM) for n in (1, 2)),
        reds={"db.live_sessions_do_not_share_a_vm"},
    ),
)


@fault(reds={"db.incident_session_is_failed"})
def incident_session_completed(patient: Patient) -> AbstractContextManager[None]:
    """The incident's session is not failed: it is marked completed, and all else in its row stays."""
    return patient.rows(
        insert=f"UPDATE auth_sessions SET status = 'completed' WHERE session_id = '{INCIDENT}'",
        remove=f"UPDATE auth_sessions SET status = 'failed' WHERE session_id = '{INCIDENT}'",
    )
