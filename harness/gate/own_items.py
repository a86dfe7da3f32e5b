"""The checklist that a site asks: the runbook's lines, and those of its own."""

from __future__ import annotations

from harness.site.profile import Site
from harness.verdict.checklist import CHECKLIST, Item


def checklist_of(site: Site) -> tuple[Item, ...]:
    """All of it, in the order in which it is told."""
    return (*CHECKLIST, *(Item(one.key, one.title, one.why) for one in site.items))
