"""What the jailer made and a VM left is mended as far as it can be: a control group is no folder of files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.database.tables import TableFacts, Tables
from harness.database.vm_rows import LiveRow
from harness.mending.emergency import emergency_plan
from harness.mending.operations import OnHost, Plan
from harness.mending.planning import plan
from harness.mending.rows_seen import RowsSeen
from harness.mending.seen import Seen
from harness.mending.whose import NOT_BELOW
from harness.site.profile import Site, StateSection
from harness.world.inventory import Inventory
from tests.unit.world.test_jails import BASE, GROUP, OTHER, SITE, VM, jail, process, world

NONE = Tables("", *[TableFacts("", True, "r", False, True, {}, [])] * 3)


def seen(here: Inventory, **vms: dict[str, Any]) -> Seen:
    """A look at it, with these rows of VMs."""
    unit = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled"}
    rows = RowsSeen(NONE, {}, vms, {}, (), 0.0, empty=False)
    return Seen(here, rows, unit)


def commands(found: Plan) -> list[str]:
    """What it would do on the host."""
    return [" ".join(one.does.argv) for one in found.operations if isinstance(one.does, OnHost)]


def test_a_control_group_is_left_to_a_person() -> None:
    """It is no thing that is known for good, and has files that nobody can remove."""
    found = plan(
        seen(world(jails=[jail(VM, None)], running=[])),
        SITE,
        "x.toml",
        checks=["host.no_vm_files_without_row"],
    )
    assert commands(found) == [f"sudo rm -rf -- {BASE}/firecracker/{VM}"]
    assert [one.why for one in found.left] == [f"only a person can mend it: sudo rmdir -- {GROUP}/{VM}"]


ALONE = SITE.model_copy(update={"state": StateSection(vms_dir=None, sockets_dir=None, jails_dir=BASE)})


@pytest.mark.parametrize("name", [VM, VM.removeprefix("vm-"), "s-1"])
@pytest.mark.parametrize("site", [SITE, ALONE], ids=["with folders", "jails alone"])
def test_a_jail_goes_with_its_vm_whatever_it_is_called(site: Site, name: str) -> None:
    """With its socket, and without its control group, which would end the mend in the middle."""
    path = f"{BASE}/firecracker/{name}"
    row = LiveRow(VM, "running", "192.168.100.7", None, 100, f"{path}/root/run/api.sock")
    told = {"vm_type": site.database.browser_vm_type, "status": "running"}
    here = replace(world(row, jails=[jail(name)], running=[process(100, name)]), site=site)
    found = emergency_plan(seen(here, **{VM: told}), site, "x.toml")
    assert commands(found) == [
        "sudo kill -9 100",
        f"sudo rm -f -- {path}/root/run/api.sock",
        f"sudo rm -rf -- {path}",
    ]


@pytest.mark.parametrize("site", [SITE, ALONE], ids=["with folders", "jails alone"])
def test_a_vmm_without_a_row_is_the_sites_by_its_jail(site: Site) -> None:
    """And is ended beside one that has a row; what names no VM below the site's folders is left."""
    row = LiveRow(OTHER, "running", "192.168.100.8", None, 200, None)
    running = [process(100, VM), process(200, OTHER), process(300, VM.replace("6b", "8b"))]
    here = world(row, jails=[jail(VM), jail(OTHER, 200)], running=running)
    told = {OTHER: {"vm_type": site.database.browser_vm_type, "status": "running"}}
    looked = seen(replace(here, site=site), **told)
    found = plan(looked, site, "x.toml", checks=["host.no_vmm_without_row"])
    assert commands(found) == ["sudo kill -9 100"]
    assert [one.why for one in found.left] == [NOT_BELOW]
