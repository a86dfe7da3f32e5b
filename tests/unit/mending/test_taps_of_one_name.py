"""A TAP that is called as every VM's is: its network namespace tells whose it is, and whether it may go."""

from __future__ import annotations

from dataclasses import replace

from harness.database.vm_rows import LiveRow
from harness.mending.operations import Plan
from harness.mending.planning import plan
from harness.mending.rows_seen import RowsSeen
from harness.mending.seen import Seen
from tests.unit.mending.test_jails import NONE, seen
from tests.unit.world.test_taps_of_one_name import LEFT, SITE, TAP, here

TAPS = [*((TAP, n, "", None) for n in (2, 3)), (TAP, 9, LEFT, None)]
"""Those of two VMs that run, and one that was left."""


def planned(*kept: LiveRow) -> Plan:
    """What would mend it, where these rows are of VMs that are not destroyed."""
    rows = RowsSeen(NONE, {}, {}, {}, kept, 0.0, empty=False)
    found: Seen = replace(seen(here(taps=TAPS)), rows=rows)
    return plan(found, SITE, "x.toml", checks=["host.no_tap_without_row"])


def test_it_is_of_the_vm_that_its_namespace_is_called_by() -> None:
    (one,) = planned(LiveRow("vm-9b03852d-0631-4f91-ae8a-fd352348e9c2", "stopped", tap_device=TAP)).operations
    assert one.vm == LEFT


def test_it_is_left_to_a_vm_that_may_start_again() -> None:
    found = planned(LiveRow(LEFT, "stopped", tap_device=TAP))
    assert found.operations == ()
    assert ["its VM has a row" in one.why for one in found.left] == [True]
