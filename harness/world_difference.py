"""Two looks at host and database, and what differs though no other live VM accounts for it. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from harness.inventory import Inventory, Row, name_of
from harness.rule_lines import Concern, rule_lines
from harness.session_rows import Rows
from harness.world import World

HEARTBEAT = "last_heartbeat"

Thing = tuple[str, ...]
"""Its kind, and what names it for good."""


def changed_things(before: World, after: World) -> list[str]:
    """Folders, sockets, TAPs and processes that came and belong to no live VM, or went and should not."""
    first, then = _things(before.inventory), _things(after.inventory)
    came = [f"left behind: {' '.join(one)}" for one in then if one not in first and then[one] is None]
    live = {row.vm_id for row in after.inventory.rows}
    gone = [one for one in first if one not in then and (first[one] is None or first[one] in live)]
    return came + [f"gone, and nobody's to remove: {' '.join(one)}" for one in gone]


def changed_golden(before: World, after: World) -> list[str]:
    """Files of the golden snapshot whose size, time or inode is another, or that are gone."""
    then = after.golden
    return [
        f"{path}: {was}, now {then.get(path)}" for path, was in before.golden.items() if then.get(path) != was
    ]


def changed_bridge(before: World, after: World) -> list[str]:
    """What of the bridge is another: its kind, addresses, whether it is up.

    Its MAC and its carrier are left out: they are those of its ports, which come and go with VMs.
    """
    was, now = _bridge(before), _bridge(after)
    return [f"{name}: {was[name]}, now {now[name]}" for name in was if was[name] != now[name]]


def changed_firewall(before: World, after: World, ours: Row) -> list[str]:
    """Lines of the rule sets that came or went: those about our VM, and those about all VMs."""
    was, now = (
        [line for line in rule_lines(world.firewall) if Concern(world.inventory, ours)(line)]
        for world in (before, after)
    )
    return [line for line in difflib.ndiff(was, now) if line[:2] in ("- ", "+ ")]


def changed_rows(before: Rows, after: Rows, finished: Collection[str]) -> list[str]:
    """Rows that were settled before, and are another now, or gone; heartbeats aside."""
    found = []
    for key, was in before.items():
        if was.get("status") not in finished:
            continue  # somebody's live VM or session, which goes on
        now = after.get(key)
        if now is None:
            found.append(f"{key}: deleted, was {was}")
        else:
            columns = [
                name for name in {**was, **now} if name != HEARTBEAT and was.get(name) != now.get(name)
            ]
            found += [f"{key}: {name} {was.get(name)!r}, now {now.get(name)!r}" for name in columns]
    return found


def _things(world: Inventory) -> dict[Thing, str | None]:
    """All things of VMs on the host, each with the live VM that it belongs to."""
    found: dict[Thing, str | None] = {}
    for entry in world.entries:
        found["entry", entry.path] = _id(world.owner(name_of(entry)))
    for socket in world.api_sockets:
        path = world.plain(socket.path)
        by_path = next((r for r in world.rows if r.socket_path and world.plain(r.socket_path) == path), None)
        found["socket", path] = _id(by_path or world.owner(name_of(socket)))
    for tap in world.vm_taps:
        by_name = next((row for row in world.rows if world.has_tap(row, tap)), None)
        found["tap", tap.name, f"index {tap.index}"] = _id(by_name)
    for process in world.processes.vmms:
        claimed = next((row for row in world.rows if world.names(process, row)), None)
        key = ("process", f"pid {process.pid}", f"started {process.started}", process.command[:200])
        found[key] = _id(claimed)
    return found


def _id(row: Row | None) -> str | None:
    return row.vm_id if row else None


def _bridge(world: World) -> dict[str, object]:
    bridge = world.bridge
    if bridge is None:
        return {"bridge": None, "kind": "", "addresses": [], "up": False}
    addresses = sorted(map(str, bridge.addresses))
    return {"bridge": bridge.ifname, "kind": bridge.kind, "addresses": addresses, "up": "UP" in bridge.flags}
