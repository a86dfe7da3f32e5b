"""What differs between two looks at a site, and what other people's VMs account for."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.database.vm_rows import LiveRow
from harness.database.whole_rows import NewestRows
from harness.host.facts import HostFacts
from harness.world.difference import changed_bridge, changed_golden, changed_rows, changed_things
from harness.world.inventory import Inventory
from harness.world.look import World, look_until_settled
from harness.world.things import THINGS, missing, nobodys, remains
from tests.unit.world.test_inventory import HOST_NETNS, SITE, VM, process, world

THEIRS = "vm-aaaaaaaa-0631-4f91-ae8a-fd352348e9c2"
FOLDER, SOCKETS = SITE.state.vms_dir, SITE.state.sockets_dir
OURS = LiveRow(VM, "destroyed", "192.168.100.7", "fc-vm-6b038", 100, f"{SOCKETS}/{VM}.sock")
NOTHING: dict[str, Any] = {"processes": [], "state": [], "sockets": [], "taps": []}
THEIR_THINGS: dict[str, Any] = {
    "processes": [process(200, THEIRS)],
    "state": [f"{FOLDER}/{THEIRS}"],
    "sockets": [(f"{SOCKETS}/{THEIRS}.sock", "socket")],
    "taps": [("fc-vm-aaaaa", HOST_NETNS, "", "fcbr0")],
}
THEIR_ROW = LiveRow(THEIRS, "running", "192.168.100.9", "fc-vm-aaaaa", 200, f"{SOCKETS}/{THEIRS}.sock")
NOW = datetime(2024, 1, 3, tzinfo=UTC)
TAP_OF_A_THIRD = ("fc-vm-ccccc", HOST_NETNS, "", "fcbr0")
GOLDEN = {"path": SITE.snapshot.disk, "kind": "file", "size": 5, "mtime": 1.0, "inode": 7}
BRIDGE = {
    "ifname": "fcbr0",
    "flags": ["BROADCAST", "UP", "LOWER_UP"],
    "addr_info": [{"family": "inet", "local": "192.168.100.1", "prefixlen": 24}],
    "linkinfo": {"info_kind": "bridge"},
}


def look(*rows: LiveRow, things: dict[str, Any] = NOTHING, **parts: Any) -> World:
    """One look at a site on which nobody has anything, unless told otherwise."""
    inventory = world(*rows, **things)
    more = {"bridge": BRIDGE, "firewall": {}, "paths": {SITE.snapshot.disk: GOLDEN}} | parts
    answers = {**inventory.facts.parts, **{name: {"ok": value} for name, value in more.items()}}
    seen = Inventory(SITE, HostFacts(answers, inventory.facts.clock, NOW.timestamp()), rows)
    return World(seen, NewestRows({}, {}), nobodys(seen))


def told(before: World, after: World) -> list[str]:
    """What is told of things that are not as before."""
    return [f"{one.why}: {one.thing}" for one in changed_things(before, after)]


@pytest.mark.parametrize("kind", ["processes", "state", "sockets", "taps"])
def test_what_a_session_leaves_behind_is_found(kind: str) -> None:
    left = {**NOTHING, kind: _ours()[kind]}
    (found,) = told(look(), look(things=left))
    assert found.startswith("left behind: ")


def _ours() -> dict[str, Any]:
    return {
        "processes": [process(100, VM)],
        "state": [f"{FOLDER}/{VM}"],
        "sockets": [(f"{SOCKETS}/{VM}.sock", "socket")],
        "taps": [("fc-vm-6b038", HOST_NETNS, "", "fcbr0")],
    }


def test_what_was_there_before_is_nobodys_leavings() -> None:
    assert told(look(things=_ours()), look(things=_ours())) == []


def test_other_live_vms_come_and_go() -> None:
    nobody, somebody = look(), look(THEIR_ROW, things=THEIR_THINGS)
    assert told(nobody, somebody) == []
    assert told(somebody, nobody) == []
    assert told(somebody, somebody) == []


@pytest.mark.parametrize("kind", ["processes", "state", "sockets", "taps"])
def test_what_a_live_vm_has_lost_is_found(kind: str) -> None:
    robbed = {**THEIR_THINGS, kind: []}
    found = told(look(THEIR_ROW, things=THEIR_THINGS), look(THEIR_ROW, things=robbed))
    assert [line.partition(":")[0] for line in found] == ["gone, and nobody's to remove"]


HIBERNATED = dataclasses.replace(THEIR_ROW, status="hibernated", firecracker_pid=None)


def test_another_vm_may_hibernate_and_wake() -> None:
    """A hibernated VM has a folder; its process, its socket and its TAP need not be there."""
    awake, asleep = (
        look(THEIR_ROW, things=THEIR_THINGS),
        look(HIBERNATED, things={**NOTHING, "state": THEIR_THINGS["state"]}),
    )
    assert told(awake, asleep) == []
    assert told(asleep, awake) == []


def test_another_vm_may_be_started_anew() -> None:
    """Its process is another one then; but what it has lost and not got again is found."""
    before = look(THEIR_ROW, things=THEIR_THINGS)
    again = dataclasses.replace(THEIR_ROW, firecracker_pid=201)
    anew = {**THEIR_THINGS, "processes": [process(201, THEIRS)]}
    assert told(before, look(again, things=anew)) == []
    assert told(before, look(again, things={**anew, "sockets": []})) == [
        f"gone, and nobody's to remove: socket /run/firecracker/{THEIRS}.sock"
    ]


def test_a_file_that_a_live_vm_has_lost_is_found_beside_others_that_it_has() -> None:
    disk = f"{FOLDER}/{THEIRS}.ext4"
    both = {**THEIR_THINGS, "state": [*THEIR_THINGS["state"], disk]}
    found = told(look(THEIR_ROW, things=both), look(THEIR_ROW, things=THEIR_THINGS))
    assert found == [f"gone, and nobody's to remove: entry {disk}"]


def test_what_lay_there_and_is_gone_is_found() -> None:
    stray = {**NOTHING, "state": [f"{FOLDER}/notes.txt"]}
    assert told(look(things=stray), look()) == [f"gone, and nobody's to remove: entry {FOLDER}/notes.txt"]


def settled_before(*looks: World) -> World:
    """What is compared with, after these looks, the last for ever."""
    left = list(looks)
    world, lasting = look_until_settled(
        lambda: left.pop(0) if len(left) > 1 else left[0], lambda seen: list(seen.nobodys), timeout_s=0.01
    )
    return dataclasses.replace(world, nobodys=lasting)


UNDER_WAY = {**THEIR_THINGS, "processes": [], "sockets": []}


@pytest.mark.parametrize("then", [look(THEIR_ROW, things=THEIR_THINGS), look()])
def test_what_a_vm_that_comes_or_goes_has_without_a_row_is_somebodys(then: World) -> None:
    """Its TAP and its folder are there before its row, and after that said destroyed; then it is gone."""
    before = settled_before(look(things=UNDER_WAY), then)
    assert told(before, look()) == []


def test_on_a_busy_host_there_is_always_a_vm_under_way() -> None:
    """One that was not, a moment ago: what is nobody's is so at every look."""
    before = settled_before(look(things=UNDER_WAY), look(things={**NOTHING, "taps": [TAP_OF_A_THIRD]}))
    assert told(before, look()) == []


def test_what_stays_without_a_row_is_nobodys() -> None:
    stray = {**NOTHING, "taps": [TAP_OF_A_THIRD]}
    before = settled_before(look(things={**UNDER_WAY, "taps": stray["taps"]}), look(things=stray))
    assert told(before, look()) == ["gone, and nobody's to remove: tap fc-vm-ccccc index 0"]


def test_what_is_under_way_afterwards_was_not_left_behind() -> None:
    """It has a row at the next look, at which another VM is under way; what was left is there at each."""
    left = {**NOTHING, "state": [f"{FOLDER}/{VM}"]}
    third = look(THEIR_ROW, things={**THEIR_THINGS, **left, "taps": [*THEIR_THINGS["taps"], TAP_OF_A_THIRD]})
    looks = [look(things={**UNDER_WAY, "state": [*UNDER_WAY["state"], *left["state"]]}), third]
    _, found = look_until_settled(
        lambda: looks.pop(0) if len(looks) > 1 else looks[0],
        lambda seen: changed_things(look(), seen),
        timeout_s=0.01,
    )
    assert [f"{one.why}: {one.thing}" for one in found] == [f"left behind: entry {FOLDER}/{VM}"]


_WRITTEN = "written at 1970-01-01 00:00:02 UTC, before that at 1970-01-01 00:00:01 UTC"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"size": 6, "mtime": 2.0}, f"bytes 5, now 6; {_WRITTEN}"),
        ({"mtime": 2.0}, _WRITTEN),
        ({"inode": 8}, "another file is in its place: inode 7, now 8"),
        (None, "gone"),
    ],
)
def test_a_golden_file_that_was_touched_is_told_in_words(change: dict[str, Any] | None, told: str) -> None:
    now = None if change is None else {**GOLDEN, **change}
    assert changed_golden(look(), look()) == []
    assert changed_golden(look(), look(paths={SITE.snapshot.disk: now})) == [f"{SITE.snapshot.disk}: {told}"]
    assert changed_golden(look(paths={SITE.snapshot.disk: None}), look()) == [
        f"{SITE.snapshot.disk}: it was not there before"
    ]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"flags": ["BROADCAST"]}, ["up: True, now False"]),
        ({"flags": ["BROADCAST", "UP", "NO-CARRIER"]}, []),
        ({"address": "02:00:00:00:00:01"}, []),
        ({"linkinfo": {"info_kind": "dummy"}}, ["kind: bridge, now dummy"]),
        ({"addr_info": []}, ["addresses: ['192.168.100.1/24'], now []"]),
    ],
)
def test_a_bridge_is_its_kind_its_addresses_and_up(change: dict[str, Any], found: list[str]) -> None:
    assert changed_bridge(look(), look(bridge={**BRIDGE, **change})) == found


def test_a_bridge_that_is_gone_is_found() -> None:
    assert "bridge: fcbr0, now None" in changed_bridge(look(), look(bridge=None))


DESTROYED = {"status": "destroyed", "destroyed_at": "2024-01-02T12:00:00+00:00", "last_heartbeat": "1"}
OLD = {**DESTROYED, "destroyed_at": "2024-01-01T00:00:00+00:00"}
COMPLETED = {"status": "completed", "created_at": "2024-01-02T12:00:00+00:00", "browser_vm_id": "vm-1"}
Columns = dict[str, Any]


def rows(vms: Columns | None = None, session: Columns | None = None) -> World:
    """A look at a database with the row of a VM and that of a session, or without."""
    newest = NewestRows({"vm-1": vms} if vms else {}, {"s": session} if session else {})
    return dataclasses.replace(look(), rows=newest)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (DESTROYED, DESTROYED, []),
        (DESTROYED, {**DESTROYED, "last_heartbeat": "2"}, []),
        (DESTROYED, {**DESTROYED, "status": "running"}, ["vm-1: status 'destroyed', now 'running'"]),
        (DESTROYED, {**DESTROYED, "more": 1}, ["vm-1: more None, now 1"]),
        (DESTROYED, None, [f"vm-1: deleted, was {DESTROYED}"]),
        ({**DESTROYED, "destroyed_at": "infinity"}, None, ["vm-1: deleted, was "]),
        (OLD, None, []),
        ({**OLD, "destroyed_at": "2024-01-01T00:00:00"}, None, []),
        (OLD, {**OLD, "status": "running"}, ["vm-1: status 'destroyed', now 'running'"]),
        ({"status": "running"}, {"status": "destroyed"}, []),
        ({"status": "stopped"}, {"status": "running"}, []),
        ({"status": "stopped"}, {"status": "destroyed"}, []),
        ({"status": "failed"}, None, []),
        (None, DESTROYED, []),
    ],
)
def test_rows_of_destroyed_vms_stay_as_they_are(
    before: Columns | None, after: Columns | None, found: list[str]
) -> None:
    """Until they are old enough to be cleaned up."""
    seen = changed_rows(rows(before), rows(after))
    assert len(seen) == len(found)
    assert all(line.startswith(start) for line, start in zip(seen, found, strict=True))


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (COMPLETED, {**COMPLETED, "retry_count": 1}, ["s: retry_count None, now 1"]),
        (COMPLETED, None, [f"s: deleted, was {COMPLETED}"]),
        ({**COMPLETED, "created_at": "2024-01-01T00:00:00+00:00"}, None, []),
        ({"status": "failed", "started_at": "2024-01-01T00:00:00+00:00"}, None, []),
        ({**COMPLETED, "status": "ready"}, {**COMPLETED, "status": "timeout"}, []),
    ],
)
def test_rows_of_finished_sessions_stay_as_they_are(
    before: Columns, after: Columns | None, found: list[str]
) -> None:
    assert changed_rows(rows(DESTROYED, before), rows(DESTROYED, after)) == found


def test_a_session_may_lose_a_vm_whose_row_was_cleaned_up() -> None:
    """Its row forgets which it was; a row that is there is no reason to."""
    before, forgotten = rows(OLD, COMPLETED), {**COMPLETED, "browser_vm_id": None}
    assert changed_rows(before, rows(None, forgotten)) == []
    assert changed_rows(before, rows(OLD, forgotten)) == ["s: browser_vm_id 'vm-1', now None"]


LIVE = LiveRow(VM, "running", "192.168.100.7", "fc-vm-6b038", 100, f"{SOCKETS}/{VM}.sock")


def test_a_live_vm_has_all_that_its_row_promises() -> None:
    seen = world(LIVE, **_ours())
    assert {kind: missing(seen, LIVE, kind) for kind in THINGS} == dict.fromkeys(THINGS, "")
    assert set(remains(seen, LIVE)) == set(THINGS)


@pytest.mark.parametrize(
    ("kind", "part"), [("process", "processes"), ("socket", "sockets"), ("tap", "taps"), ("folder", "state")]
)
def test_each_thing_is_missed_by_itself(kind: str, part: str) -> None:
    seen = world(LIVE, **{**_ours(), part: []})
    assert [name for name in THINGS if missing(seen, LIVE, name)] == [kind]
    assert set(remains(seen, LIVE)) == set(THINGS) - {kind}


def test_other_vms_are_no_remains() -> None:
    assert remains(world(THEIR_ROW, **THEIR_THINGS), LIVE) == {}
