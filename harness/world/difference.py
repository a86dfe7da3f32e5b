"""Two looks at host and database, and what differs though no other live VM accounts for it. Pure."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from harness.clocks import utc_text
from harness.database.vm_rows import LiveRow
from harness.database.whole_rows import Rows
from harness.errors import UnreadableError
from harness.findings import Finding
from harness.host.parts import DirectoryEntry
from harness.values import moment
from harness.world.inventory import Inventory
from harness.world.look import World
from harness.world.rule_lines import Concern, rule_lines
from harness.world.things import Things, kind_of, things_of

_COMPARED_IN_ORDER = 2000
"""Lines: to compare more of them in their order takes the square of their number."""
HEARTBEAT = "last_heartbeat"
_TIMES = ("destroyed_at", "created_at", "started_at")
"""How old a final row is, by the first of these that it has: a VM by its end, as clean-up goes by."""


def changed_things(before: World, after: World) -> list[Finding]:
    """Folders, sockets, TAPs and processes that came and belong to no live VM, or went and should not."""
    first, then = things_of(before.inventory), things_of(after.inventory)
    came = [one for one, vm_id in then.items() if one not in first and vm_id is None]
    went = [one.key for one in before.nobodys if one.key not in then]
    running = _running(before.inventory) & _running(after.inventory)
    missed = {one: vm_id for one, vm_id in first.items() if one not in then and vm_id in running}
    went += [one for one, vm_id in missed.items() if _lost(one, vm_id, then)]
    told = {"left behind": came, "gone, and nobody's to remove": went}
    return [Finding(one, one, why) for why, things in told.items() for one in things]


def _running(inventory: Inventory) -> set[str]:
    """Live VMs that must have a process, and all that goes with it: not those that hibernate."""
    return {row.vm_id for row in inventory.rows if inventory.expects_process(row)}


def _lost(thing: str, vm_id: str | None, then: Things) -> bool:
    """Whether a VM has nothing in the place of a thing that went: one that was started anew has."""
    kind = kind_of(thing)
    anew = any(owner == vm_id and kind_of(one) == kind for one, owner in then.items())
    return kind == "entry" or not anew


def changed_golden(before: World, after: World) -> list[str]:
    """Files of the golden snapshot whose size, time or inode is another, or that are gone."""
    then = after.golden
    return [
        f"{path}: {_touched(was, now)}"
        for path, was in before.golden.items()
        if (now := then.get(path)) != was
    ]


def _touched(was: DirectoryEntry | None, now: DirectoryEntry | None) -> str:
    """What of a file is another, in words; its time last, which changes with all else."""
    if was is None or now is None:
        return "gone" if now is None else "it was not there before"
    if (was.inode, was.device) != (now.inode, now.device):
        return f"another file is in its place: inode {was.inode}, now {now.inode}"
    told = [f"{name} {one}, now {other}" for name, one, other in _other(was, now)]
    return "; ".join([*told, f"written at {utc_text(now.mtime)}, before that at {utc_text(was.mtime)}"])


def _other(was: DirectoryEntry, now: DirectoryEntry) -> list[tuple[str, object, object]]:
    pairs = (("kind", was.kind, now.kind), ("bytes", was.size, now.size))
    return [(name, one, other) for name, one, other in pairs if one != other]


def changed_bridge(before: World, after: World) -> list[str]:
    """What of the bridge is another: its kind, addresses, whether it is up.

    The bridge's MAC and carrier are left out: they are those of its ports, which come and go with VMs.
    """
    was, now = _bridge(before), _bridge(after)
    return [f"{name}: {was[name]}, now {now[name]}" for name in was if was[name] != now[name]]


def changed_firewall(before: World, after: World, ours: LiveRow) -> list[str]:
    """Lines of the rule sets that came or went: those about our VM, and those about all VMs."""
    was, now = (
        list(filter(Concern(world.inventory, ours), rule_lines(world.firewall))) for world in (before, after)
    )
    return _changed_lines(was, now)


def _changed_lines(was: Sequence[str], now: Sequence[str]) -> list[str]:
    """Lines that went, ``- ``, and came, ``+ ``; one in another place has done both."""
    if max(len(was), len(now)) <= _COMPARED_IN_ORDER:
        codes = difflib.SequenceMatcher(None, was, now, autojunk=False).get_opcodes()
        changes = [(was[i:j], now[k:m]) for tag, i, j, k, m in codes if tag != "equal"]
    else:
        changes = [([*(Counter(was) - Counter(now)).elements()], [*(Counter(now) - Counter(was)).elements()])]
        if was != now and not any(map(any, changes)):
            return ["the same rules in another order"]
    return [
        f"{sign} {line}" for both in changes for sign, lines in zip("-+", both, strict=True) for line in lines
    ]


def changed_rows(before: World, after: World) -> list[str]:
    """Rows that were final before and are another now, or gone, and not so old that clean-up deletes them."""
    site, vms = after.inventory.site, after.rows.vms
    old = after.facts.now - site.database.stale_after_h * 3600 + site.host.clock_skew_s
    destroyed = _final(before.rows.vms, [site.database.destroyed_vm_status])
    finished = _final(before.rows.sessions, site.database.finished_session_statuses)
    found = []
    for rows, then in ((destroyed, vms), (finished, after.rows.sessions)):
        for key, was in rows.items():
            if key in then:
                found += [f"{key}: {line}" for line in _differences(was, then[key], vms)]
            elif not _is_before(old, was):
                found.append(f"{key}: deleted, was {was}")
    return found


def _final(rows: Rows, statuses: Collection[str]) -> Rows:
    """Rows that nobody has to change any more: a VM that is only stopped may be started again."""
    return {key: row for key, row in rows.items() if row.get("status") in statuses}


def _differences(was: Mapping[str, Any], now: Mapping[str, Any], vms: Rows) -> list[str]:
    """A line a column, heartbeats aside."""
    names = [name for name in {**was, **now} if name != HEARTBEAT and was.get(name) != now.get(name)]
    if not now.get("browser_vm_id") and was.get("browser_vm_id") not in vms:
        # The database empties it when the row of the VM is deleted.
        names = [name for name in names if name != "browser_vm_id"]
    return [f"{name} {was.get(name)!r}, now {now.get(name)!r}" for name in names]


def _is_before(before: float, row: Mapping[str, Any]) -> bool:
    """Whether a row is from before a moment."""
    text = next((str(row[name]) for name in _TIMES if row.get(name)), "")
    try:
        return moment(text, whose="a row") < before
    except UnreadableError:  # none, or infinity
        return False


def _bridge(world: World) -> dict[str, object]:
    bridge = world.bridge
    if bridge is None:
        return {"bridge": None, "kind": "", "addresses": [], "up": False}
    addresses = sorted(map(str, bridge.addresses))
    return {"bridge": bridge.ifname, "kind": bridge.kind, "addresses": addresses, "up": "UP" in bridge.flags}
