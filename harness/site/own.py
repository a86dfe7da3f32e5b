"""Words by which a site's logs name what the suite itself asked for, in this run or an earlier one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.site.profile import Site

NOBODY = "00000000-0000-4000-8000-000000000000"
"""A session that there is not."""
NO_PROVIDER = "acceptance-no-such-provider"

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def ids_in(text: str) -> set[str]:
    """The UUIDs that a text names, a VM's id among them."""
    return {found.casefold() for found in _ID.findall(text)}


def own_words(site: Site) -> list[str]:
    """Those that a profile alone tells: its users are the suite's own."""
    users = (site.session.user_id, site.session.second_user_id)
    return [NOBODY, NO_PROVIDER, *(user.casefold() for user in users if user)]


def words_of_sessions(site: Site, rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """The ids of the suite's own sessions and of their VMs, among all rows of sessions."""
    users, found = set(own_words(site)), set[str]()
    for row in rows:
        if str(row.get("user_id")).casefold() in users:
            for column in ("session_id", "browser_vm_id", "vm_id"):
                found |= ids_in(str(row.get(column)))
    return found
