"""The runbook's emergency workaround: every Browser VM is destroyed, with the controller stopped. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.database.vm_rows import LiveRow
from harness.mending.operations import Plan
from harness.mending.seen import Seen
from harness.mending.steps import on_rows, on_unit, sessions_on, things_of
from harness.site.profile import Site

EMERGENCY = "emergency workaround"


def emergency_plan(seen: Seen, site: Site, profile: str) -> Plan:
    """All Browser VMs that are not destroyed, and what they leave; the controller is down meanwhile.

    The runbook marks rows alone, which leaves every VMM running without a row; so step 1 is done for each,
    whatever its row says: one that failed or stopped may have left things, and one of a status that the
    profile does not know may run. A controller that runs would launch others all the while.
    """
    unit = site.controller.unit
    steps = [on_unit(EMERGENCY, "the controller launches no more", unit, "stop")]
    browsers = {
        key: row for key, row in seen.rows.vms.items() if row.get("vm_type") == site.database.browser_vm_type
    }
    for vm_id, row in browsers.items():
        steps += things_of(seen, _named(seen, vm_id, row), EMERGENCY, f"VM {vm_id}", alive=True)
        # Its row goes last: by that the rest is found again, should we be killed on the way.
        for key, on_it in sessions_on(seen, vm_id).items():
            steps += on_rows(seen, EMERGENCY, f"session {key}", "sessions", "fail", {key: on_it}, vm=vm_id)
        steps += on_rows(seen, EMERGENCY, f"VM {vm_id}", "vms", "destroy", {vm_id: row}, vm=vm_id)
    steps.append(on_unit(EMERGENCY, "the controller is started anew", unit, "start"))
    told = tuple(
        f"session {key} of user {row.get('user_id')} ({row.get('status')})"
        for vm_id in browsers
        for key, row in sessions_on(seen, vm_id).items()
    )
    return Plan(site.name, profile, tuple(steps), emergency=True, sessions=told)


def _named(seen: Seen, vm_id: str, row: Mapping[str, Any]) -> LiveRow:
    """A row by which its things are found. What it names and another live VM has got since is the other's."""
    rows = seen.inventory.rows
    if live := next((one for one in rows if one.vm_id == vm_id), None):
        return live
    path, tap = row.get("socket_path") or None, row.get("tap_device") or None
    paths, taps = (
        {one.socket_path for one in rows},
        {name for one in rows for name in seen.inventory.tap_names(one)},
    )
    return LiveRow(
        vm_id,
        str(row.get("status")),
        socket_path=None if path in paths else path,
        tap_device=None if tap in taps else tap,
    )
