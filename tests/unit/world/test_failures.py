"""What launches that failed have left, told from what is anybody else's, was there, or is to stay."""

from __future__ import annotations

from typing import Any

import pytest

from harness.database.whole_rows import NewestRows, Rows
from harness.site.profile import Site
from harness.world.failures import left_by_failures

USER, SECOND = "5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a02", "5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a03"
SITE = Site.model_validate(
    {"name": "nowhere", "session": {"user_id": USER, "second_user_id": SECOND, "stays": ["cli"]}}
)
SESSION = {"user_id": USER, "status": "started", "provider": "codex"}
VM = {"user_id": SECOND, "status": "running", "vm_type": "browser"}
NOTHING = NewestRows({}, {})


def left(
    *, vms: Rows | None = None, sessions: Rows | None = None, before: NewestRows = NOTHING, **more: Any
) -> list[str]:
    """What is left where these rows are there now."""
    given = {"ours": (), "launch_failed": True, **more}
    return left_by_failures(before, NewestRows(vms or {}, sessions or {}), SITE, **given)


def test_a_session_that_goes_on_and_a_vm_are_left() -> None:
    assert left(vms={"vm-1": VM}, sessions={"s-1": SESSION}) == [
        "session s-1: 'started' (provider 'codex')",
        "VM vm-1: 'running' (vm_type 'browser')",
    ]


@pytest.mark.parametrize("status", ["failed", "cancelled", "timeout"])
def test_a_session_that_is_over_is_how_a_launch_fails(status: str) -> None:
    assert (
        left(sessions={"s-1": {**SESSION, "status": status}}, vms={"vm-1": {**VM, "status": "destroyed"}})
        == []
    )


def test_what_is_others_or_was_there_is_not_left() -> None:
    other = "5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a09"
    assert left(vms={"vm-1": {**VM, "user_id": other}}, sessions={"s-1": {**SESSION, "user_id": None}}) == []
    rows = NewestRows({"vm-1": VM}, {"s-1": SESSION})
    assert left(vms=rows.vms, sessions=rows.sessions, before=rows) == []


def test_a_session_that_started_and_its_vm_are_not_left() -> None:
    """The other one's are."""
    sessions = {"s-1": {**SESSION, "status": "ready", "browser_vm_id": "vm-1"}, "s-2": SESSION}
    told = left(sessions=sessions, vms={"vm-1": VM, "vm-2": VM}, ours={"s-1"}, launch_failed=False)
    assert told == ["session s-2: 'started' (provider 'codex')", "VM vm-2: 'running' (vm_type 'browser')"]


def test_a_session_of_another_run_and_its_vm_are_not_left() -> None:
    """Its users may be the same."""
    sessions = {"s-1": {**SESSION, "status": "ready", "browser_vm_id": "vm-1"}, "s-2": SESSION}
    told = left(sessions=sessions, vms={"vm-1": VM, "vm-2": VM}, others={"s-1"})
    assert told == ["session s-2: 'started' (provider 'codex')", "VM vm-2: 'running' (vm_type 'browser')"]


def test_a_vm_of_another_type_is_left_by_a_launch_that_failed_unless_it_stays_by_design() -> None:
    vms = {"vm-1": {**VM, "vm_type": "cli"}, "vm-2": {**VM, "vm_type": "odd"}}
    assert left(vms=vms) == ["VM vm-2: 'running' (vm_type 'odd')"]
    assert left(vms=vms, launch_failed=False) == []
