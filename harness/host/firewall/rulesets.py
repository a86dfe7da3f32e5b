"""The rule sets that the host's tools printed, each read once: what iptables wrote, by its own tool."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.answers import reading
from harness.host.firewall import iptables, nftables
from harness.host.firewall.packets import Table


def tables_of(printed: Mapping[str, Any]) -> list[Table]:
    """All tables that may concern IPv4 between host and VMs.

    :raises UnreadableError: they are not what the tools print.
    """
    with reading("the host's firewall"):
        return _tables_of(printed)


def _tables_of(printed: Mapping[str, Any]) -> list[Table]:
    texts = [printed[tool] for tool in ("iptables", "iptables-legacy") if tool in printed]
    known = frozenset(name for text in texts for name in re.findall(r"^\*(\w+)", text, re.M))
    found = [table for text in texts for table in iptables.tables_of(text)]
    return found + nftables.tables_of(printed.get("nft", ()), without=known)
