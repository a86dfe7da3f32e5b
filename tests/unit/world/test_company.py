"""VMs that come with a session: by design, or left behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.database.vm_rows import LiveRow
from harness.site.profile import SessionSection
from harness.world.company import company_of
from harness.world.inventory import Inventory
from harness.world.look import World
from tests.unit.world.test_difference import look
from tests.unit.world.test_inventory import SITE, VM

USER, SECOND = "5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a02", "5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a03"
CLI = LiveRow(VM, "running", user_id=USER, vm_type="cli")


def seen(*rows: LiveRow, stays: tuple[str, ...] = ()) -> World:
    """One look at a site whose sessions are of two users."""
    session = SessionSection(user_id=USER, second_user_id=SECOND, stays=stays)
    site = SITE.model_copy(update={"session": session})
    world = look(*rows)
    return replace(world, inventory=Inventory(site, world.inventory.facts, rows))


@pytest.mark.parametrize("user", [USER, SECOND])
def test_a_vm_that_came_with_a_session_was_left_behind(user: str) -> None:
    company = company_of(seen(), seen(replace(CLI, user_id=user)))
    assert (company.stays, company.left) == ({}, {VM: "cli"})


def test_one_that_stays_by_design_is_told_as_such() -> None:
    company = company_of(seen(), seen(CLI, stays=("cli",)))
    assert (company.stays, company.left) == ({VM: "cli"}, {})


OTHERS = {
    "another user's": replace(CLI, user_id="5b0f3c1e-8d5a-4c8e-9b57-0d6f7c1b2a09"),
    "a session's own": replace(CLI, vm_type="browser"),
    "of a deployment that has no types": replace(CLI, vm_type=None),
}


@pytest.mark.parametrize("row", OTHERS.values(), ids=OTHERS.keys())
def test_other_vms_are_no_company(row: LiveRow) -> None:
    company = company_of(seen(), seen(row))
    assert (company.stays, company.left) == ({}, {})


def test_what_was_there_before_came_with_none() -> None:
    company = company_of(seen(CLI), seen(CLI))
    assert (company.stays, company.left) == ({}, {})


def test_a_row_tells_whose_it_is_whatever_its_keys_are() -> None:
    row = LiveRow.of({"vm_id": VM, "status": "running", "user_id": 7, "vm_type": "cli"})
    assert (row.user_id, row.vm_type) == ("7", "cli")
