"""A TAP that is called as every VM's is: its network namespace tells whose it is, and whether it may go."""

from __future__ import annotations

from dataclasses import replace

from harness.database.vm_rows import LiveRow
from harness.mending.operations import OnHost, Plan
from harness.mending.planning import plan
from harness.mending.rows_seen import RowsSeen
from harness.mending.seen import Seen
from harness.world.inventory import Inventory
from tests.unit.mending.test_jails import NONE, seen
from tests.unit.world.test_inventory import OTHER, process, row, world
from tests.unit.world.test_taps_of_one_name import LEFT, SITE, TAP, called, here

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


GONE = "browser-vm-6b03852d-0631-4f91-ae8a-fd352348e9c2"
RUNS = "browser-vm-7b03852d-0631-4f91-ae8a-fd352348e9c2"


def deleted(found: Inventory) -> list[str]:
    """The TAPs that would be deleted where the rows' processes are asked for."""
    done = plan(seen(found), found.site, "x.toml", checks=["host.live_rows_have_process"])
    taps = [one for one in done.operations if isinstance(one.does, OnHost) and one.does.what == "tap"]
    return [" ".join(one.does.argv) for one in taps if isinstance(one.does, OnHost)]


def test_the_tap_of_a_vm_that_runs_stays_where_another_ones_id_begins_alike() -> None:
    """Both are in namespaces that are called by their VMs."""
    found = called("browser-vm-[0-9a-f-]{36}", [GONE, RUNS], [GONE, RUNS])
    assert deleted(with_vmm(found, RUNS, netns=51)) == [f"sudo ip netns exec {GONE} ip link delete dev {TAP}"]


def test_the_tap_of_a_vm_that_runs_stays_where_another_row_names_it() -> None:
    """By eight characters of the id, which two VMs have in common."""
    rows = (row(), row(OTHER, firecracker_pid=None))
    assert deleted(world(*rows)) == []
    assert deleted(world(rows[1], processes=[])) == ["sudo ip link delete dev fc-vm-6b038"]


def with_vmm(found: Inventory, vm: str, *, netns: int) -> Inventory:
    """The same, with a VMM of that VM in that namespace."""
    vmms = {"vmms": [process(100, vm, netns=netns)], "names": {1: "systemd", 100: "firecracker"}}
    return replace(found, facts=replace(found.facts, parts={**found.facts.parts, "processes": {"ok": vmms}}))
