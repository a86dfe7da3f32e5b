"""The steps of a plan: a thing on the host, rows, or the controller's unit, each with its finding. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from harness.database.cleanup import destroy_vms, fail_sessions
from harness.database.vm_rows import LiveRow
from harness.findings import Finding, mend_line
from harness.host.parts import ControlGroup, Tap
from harness.mend import Command, PathThing, ProcessThing, Statement, TapThing
from harness.mending.deletes import delete_sessions, delete_vms
from harness.mending.operations import Images, OnHost, OnRows, OnUnit, Planned, Verb
from harness.mending.seen import Seen
from harness.world.strays import deleted, killed, removed

Change = Literal["destroy", "fail", "delete"]


def things_of(seen: Seen, row: LiveRow, check: str, told: str, *, alive: bool) -> Iterator[Planned]:
    """Step 1 for one VM: its process, TAP, socket and files; no control group, which only rmdir removes."""
    inventory = seen.inventory
    commands: list[Command] = [killed(one) for one in inventory.named_by(row)] if alive else []
    taps = (tap for tap in inventory.taps_of(row) if alive or not _runs_with(seen, tap, row))
    commands += [one for tap in taps if isinstance(one := deleted(inventory, tap), Command)]
    commands += [removed(one, how="-f") for one in inventory.sockets_named(row)]
    files = (one for one in inventory.entries if not isinstance(one, ControlGroup))
    commands += [removed(one) for one in files if inventory.is_of(one, row)]
    for command in commands:
        yield on_host(check, told, command, row.vm_id)


def _runs_with(seen: Seen, tap: Tap, row: LiveRow) -> bool:
    """Whether another VM runs that may have a TAP, too: two rows may name one."""
    inventory = seen.inventory
    others = (one for one in inventory.rows if one.vm_id != row.vm_id and inventory.has_tap(one, tap))
    return any(inventory.named_by(one) for one in others)


def on_rows(
    seen: Seen,
    check: str,
    told: str,
    table: Literal["vms", "sessions"],
    change: Change,
    images: Images,
    *,
    vm: str = "",
    claim: str = "",
) -> Iterator[Planned]:
    if not images:
        return
    statement = _STATEMENTS[table, change](seen, list(images))
    does = OnRows("rows", table, change, statement.line, images, claim)
    yield Planned(check, told, mend_line(statement), does, vm)


_STATEMENTS: Mapping[tuple[str, str], Callable[[Seen, list[str]], Statement]] = {
    ("vms", "destroy"): lambda seen, ids: destroy_vms(seen.inventory.site.database, ids),
    ("sessions", "fail"): lambda seen, ids: fail_sessions(seen.inventory.site.database, ids),
    ("vms", "delete"): lambda seen, ids: delete_vms(seen.inventory.site.database, ids),
    ("sessions", "delete"): lambda seen, ids: delete_sessions(
        seen.inventory.site.database, seen.rows.tables, ids
    ),
}


def on_host(check: str, told: str, command: Command, vm: str) -> Planned:
    kinds: dict[type, Literal["process", "path", "tap"]] = {
        ProcessThing: "process",
        PathThing: "path",
        TapThing: "tap",
    }
    thing = command.on
    if thing is None:
        raise TypeError(f"{command.line}: it names no thing")
    return Planned(check, told, mend_line(command), OnHost(kinds[type(thing)], thing, command.argv), vm)


def on_unit(check: str, told: str, unit: str, verb: Verb) -> Planned:
    does = OnUnit("unit", unit, verb)
    return Planned(check, told, mend_line(Command(("sudo", *does.argv))), does)


def sessions_on(seen: Seen, vm_id: str) -> Images:
    """Unfinished sessions on a VM: on that of the first column that says one, as the queries have it."""
    names = ("browser_vm_id", "vm_id")
    vms = {
        key: next((row[name] for name in names if row.get(name) is not None), None)
        for key, row in seen.rows.sessions.items()
    }
    return {key: row for key, row in seen.rows.sessions.items() if vms[key] == vm_id}


def told_of(finding: Finding) -> str:
    return f"{finding.thing}: {finding.why}"
