"""A VM that is being launched or ended has less than its row promises, for a while, and rightly so. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from harness.database.vm_rows import LiveRow
from harness.errors import UnreadableError
from harness.mending.seen import Seen
from harness.values import moment

_BEGAN = ("created_at", "started_at")
_WENT_ON = ("updated_at", "last_heartbeat", "stopped_at")


def in_passing(seen: Seen, row: LiveRow) -> str:
    """Why a row whose VM is not whole is left as it is for now; empty where no time explains it.

    How old it is, its own times say, held against the database's clock. A launch may go on with any status;
    when an end began, no column need say, and then it may have begun just now.
    """
    site, image = seen.inventory.site, seen.rows.vms.get(row.vm_id, {})
    began, went_on = _newest(image, _BEGAN), _newest(image, _WENT_ON)
    launching = row.status in site.database.launching_vm_statuses
    if launching and began is None:
        return f"its status is {row.status}, and no time says since when: decide by hand"
    if began is not None and seen.rows.now - began < site.session.launch_s:
        return f"it was begun less than session.launch_s ({site.session.launch_s:g} s) ago: it may come up"
    if row.status not in site.database.stopping_vm_statuses:
        return ""
    if went_on is None:
        return f"its status is {row.status}, and no time says since when: decide by hand"
    ending = seen.rows.now - went_on < site.session.end_s
    return f"it is being ended, for less than session.end_s ({site.session.end_s:g} s)" if ending else ""


def _newest(image: Mapping[str, Any], columns: Collection[str]) -> float | None:
    told = [image.get(name) for name in columns]
    found = [seconds for one in told if (seconds := _seconds(one)) is not None]
    return max(found, default=None)


def _seconds(value: object) -> float | None:
    try:
        return None if value is None else moment(value, whose="the row")
    except UnreadableError:
        return None
