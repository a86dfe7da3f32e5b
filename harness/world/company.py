"""VMs that a session brings about beside its own: those that stay by design, and those that should not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from harness.database.vm_rows import LiveRow
from harness.site.profile import Site
from harness.world.look import World


@dataclass(frozen=True)
class Company:
    """Live VMs of the suite's own users that are none of a session's, and were not there before."""

    stays: Mapping[str, str]
    """Those that stay by the deployment, by id: what kind they are of."""
    left: Mapping[str, str]
    """The others."""


def company_of(before: World, after: World) -> Company:
    """What came with sessions of ours, and is there when they are over."""
    site, known = after.inventory.site, {row.vm_id for row in before.inventory.rows}
    came = [row for row in after.inventory.rows if row.vm_id not in known and _is_company(row, site)]
    stays = {row.vm_id: str(row.vm_type) for row in came if row.vm_type in site.session.stays}
    return Company(stays, {row.vm_id: str(row.vm_type) for row in came if row.vm_id not in stays})


def _is_company(row: LiveRow, site: Site) -> bool:
    return row.user_id in _users(site) and row.vm_type not in (None, site.database.browser_vm_type)


def _users(site: Site) -> Collection[str]:
    return {user for user in (site.session.user_id, site.session.second_user_id) if user}
