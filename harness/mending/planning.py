"""What a look asks for. Pure: a look in, a plan out. What a person must decide is left, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Literal

from harness.database.cleanup import destroy_vms, fail_sessions
from harness.database.vm_rows import LiveRow
from harness.findings import Finding, mend_line
from harness.mend import Command, PathThing, ProcessThing, Statement, TapThing
from harness.mending.deletes import delete_sessions, delete_vms
from harness.mending.operations import Images, Left, OnHost, OnRows, OnUnit, Plan, Planned
from harness.mending.passing import in_passing
from harness.mending.seen import Seen
from harness.mending.whose import nobody_known, not_to_end, vm_of
from harness.site.profile import Site
from harness.world.inventory import begins, name_of
from harness.world.promises import bad_addresses, rows_without_process, rows_without_socket, rows_without_tap
from harness.world.strays import (
    deleted,
    killed,
    removed,
    stray_entries,
    stray_processes,
    stray_sockets,
    stray_taps,
)

Change = Literal["destroy", "fail", "delete"]
Step = Planned | Left

STRAYS = {
    "host.no_vmm_without_row": stray_processes,
    "host.no_tap_without_row": stray_taps,
    "host.no_socket_without_row": stray_sockets,
    "host.no_vm_files_without_row": stray_entries,
}
"""In the order of the runbook's step 1: what may be held comes after what may hold it."""

PROMISES = {
    "host.live_rows_have_process": rows_without_process,
    "host.live_rows_have_socket": rows_without_socket,
    "host.live_rows_have_tap": rows_without_tap,
    "host.addresses_unique": bad_addresses,
}

CLAIMED: Mapping[str, tuple[Literal["vms", "sessions"], Change]] = {
    "db.live_vms_are_alive": ("vms", "destroy"),
    "db.destroyed_vms_say_when": ("vms", "destroy"),
    "db.incident_vm_is_destroyed": ("vms", "destroy"),
    "db.live_sessions_have_a_live_vm": ("sessions", "fail"),
    "db.unfinished_sessions_are_in_time": ("sessions", "fail"),
    "db.failed_sessions_say_why": ("sessions", "fail"),
    "db.incident_session_is_failed": ("sessions", "fail"),
    "db.no_old_failed_sessions": ("sessions", "delete"),
    "db.no_old_destroyed_vms": ("vms", "delete"),
}
"""Steps 2 and 7: what mends the rows that break a claim; the other claims are a person's to mend."""

UNITS = ("host.controller_active", "host.controller_enabled")
MENDABLE = (*STRAYS, *PROMISES, *CLAIMED, *UNITS)
EMERGENCY = "emergency workaround"
_NEXT = "another operation changes it first, and then it is another row: run mend again"


def claims_of(checks: Collection[str]) -> list[str]:
    """The claims about rows that these checks make, and that are mended here."""
    return [name.partition(".")[2] for name in CLAIMED if name in checks]


def rows_of(one: Planned) -> set[str] | None:
    """The rows that an operation changes, as ``only`` of :func:`plan` has them; None for one on the host."""
    return {f"{one.does.table} {key}" for key in one.does.before} if isinstance(one.does, OnRows) else None


def plan(
    seen: Seen,
    site: Site,
    profile: str,
    *,
    checks: Collection[str],
    vmms: int | None = None,
    only: Collection[str] | None = None,
) -> Plan:
    """What mends what these checks find; two checks that find one thing ask for it once.

    :param vmms: a person said that so many VMMs may be ended; then they may all be without a row, too.
    :param only: of the rows, these alone are in question.
    """
    steps = [*_strays(seen, checks), *_promises(seen, checks), *_claims(seen, checks), *_unit(seen, checks)]
    if vmms is None and (why := nobody_known(seen)):
        steps = [_left(one, why) for one in steps]
    done: dict[str, Planned] = {}
    left = [step for step in steps if isinstance(step, Left)]
    changed: set[str] = set()
    for one in (step for step in steps if isinstance(step, Planned)):
        wanted = rows_of(one)
        if wanted is None:
            done.setdefault(one.does.key, one)
            continue
        asked = wanted if only is None else wanted.intersection(only)
        left += [Left(one.check, f"row {key}", _NEXT) for key in sorted(asked & changed)]
        for narrowed in _narrowed(seen, one, asked - changed):
            done.setdefault(narrowed.does.key, narrowed)
        changed |= asked
    return Plan(site.name, profile, tuple(done.values()), tuple(dict.fromkeys(left)))


def _narrowed(seen: Seen, one: Planned, rows: Collection[str]) -> Iterator[Planned]:
    """An operation on some of its rows."""
    does = one.does
    if isinstance(does, OnRows):
        images = {key: row for key, row in does.before.items() if f"{does.table} {key}" in rows}
        told = f"{len(images)} rows" if does.claim else one.finding
        yield from _rows(seen, one.check, told, does.table, does.change, images, vm=one.vm, claim=does.claim)


def emergency_plan(seen: Seen, site: Site, profile: str) -> Plan:
    """The runbook's Emergency Workaround: all Browser VMs destroyed, what they leave too; then a restart.

    The runbook marks rows alone, which leaves every VMM running without a row; so step 1 is done for each.
    """
    live = {row.vm_id: row for row in seen.inventory.rows}
    steps: list[Planned] = []
    browsers = {
        key: row for key, row in seen.rows.vms.items() if row.get("vm_type") == site.database.browser_vm_type
    }
    for vm_id, row in browsers.items():
        if vm_id in live:
            steps += _things_of(seen, live[vm_id], EMERGENCY, f"VM {vm_id}", alive=True)
        # Its row goes last: by that the rest is found again, should we be killed on the way.
        for key, on_it in _sessions_on(seen, vm_id).items():
            steps += _rows(seen, EMERGENCY, f"session {key}", "sessions", "fail", {key: on_it}, vm=vm_id)
        steps += _rows(seen, EMERGENCY, f"VM {vm_id}", "vms", "destroy", {vm_id: row}, vm=vm_id)
    steps.append(_on_unit(EMERGENCY, "the controller is started anew", site.controller.unit, "restart"))
    told = tuple(
        f"session {key} of user {row.get('user_id')} ({row.get('status')})"
        for vm_id in browsers
        for key, row in _sessions_on(seen, vm_id).items()
    )
    return Plan(site.name, profile, tuple(steps), emergency=True, sessions=told)


def _strays(seen: Seen, checks: Collection[str]) -> Iterator[Step]:
    for check, judge in STRAYS.items():
        if check not in checks:
            continue
        for finding in judge(seen.inventory):
            command = next((one for one in finding.mends if isinstance(one, Command)), None)
            why = not_to_end(seen, command) if command else "only a person can mend it"
            if command is None or why:
                yield Left(check, _told(finding), why)
            else:
                yield _on_host(check, _told(finding), command, vm_of(seen, command))


def _left(step: Step, why: str) -> Step:
    """A step that is left; a unit is read and started whatever the database says."""
    if isinstance(step, Left) or isinstance(step.does, OnUnit):
        return step
    return Left(step.check, step.finding, why)


def _promises(seen: Seen, checks: Collection[str]) -> Iterator[Step]:
    """A row whose VM is gone is destroyed, and before that what is left of the VM; a VM that runs is not."""
    told: dict[str, tuple[str, Finding]] = {}
    rows = {row.vm_id: row for row in seen.inventory.rows}
    for check, judge in PROMISES.items():
        if check in checks:
            for finding in judge(seen.inventory):
                vm_id = finding.key.split(" ", 1)[1].rpartition(" ")[0]
                told.setdefault(vm_id, (check, finding))
    for vm_id, (check, finding) in told.items():
        if why := _lives(seen, rows[vm_id]):
            yield Left(check, _told(finding), why)
            continue
        yield from _things_of(seen, rows[vm_id], check, _told(finding), alive=False)
        on_it = _sessions_on(seen, vm_id)
        yield from _rows(seen, check, f"unfinished sessions on {vm_id}", "sessions", "fail", on_it, vm=vm_id)
        image = {vm_id: seen.rows.vms[vm_id]} if vm_id in seen.rows.vms else {}
        yield from _rows(seen, check, _told(finding), "vms", "destroy", image, vm=vm_id)


def _sessions_on(seen: Seen, vm_id: str) -> Images:
    """Unfinished sessions on a VM: on that of the first column that says one, as the queries have it."""
    names = ("browser_vm_id", "vm_id")
    vms = {
        key: next((row[name] for name in names if row.get(name) is not None), None)
        for key, row in seen.rows.sessions.items()
    }
    return {key: row for key, row in seen.rows.sessions.items() if vms[key] == vm_id}


def _lives(seen: Seen, row: LiveRow) -> str:
    """Why a row is that of a VM that may be a user's and alive; empty where it is not."""
    if named := seen.inventory.named_by(row):
        pids = ", ".join(str(one.pid) for one in named)
        return f"its VMM runs (pid {pids}): a live VM is not touched; cancel its session, or --emergency"
    if not seen.inventory.expects_process(row):
        return f"its status is {row.status}: it may be woken; decide by hand"
    return in_passing(seen, row)


def _claims(seen: Seen, checks: Collection[str]) -> Iterator[Step]:
    for check, (table, change) in CLAIMED.items():
        claim = check.partition(".")[2]
        if check not in checks or not (breaking := seen.rows.breaking.get(claim)):
            continue
        able = dict(breaking)
        if change == "destroy":
            for vm_id in breaking:
                if why := _may_live(seen, vm_id):
                    del able[vm_id]
                    yield Left(check, f"row {vm_id}", why)
        yield from _rows(seen, check, f"{len(able)} rows", table, change, able, claim=claim)


def _may_live(seen: Seen, vm_id: str) -> str:
    running = [one for one in seen.inventory.processes.vmms if vm_id in seen.inventory.ids(one.command)]
    if any(not one.defunct for one in running):
        return f"its VMM runs (pid {running[0].pid}): a live VM is not touched"
    live = next((one for one in seen.inventory.rows if one.vm_id == vm_id), None)
    return _lives(seen, live) if live else ""


def _unit(seen: Seen, checks: Collection[str]) -> Iterator[Step]:
    unit, state = seen.inventory.site.controller.unit, seen.unit
    wanted = [check for check in UNITS if check in checks]
    if not wanted or state.get("LoadState") != "loaded":
        for check in wanted:
            yield Left(check, f"{unit}: LoadState={state.get('LoadState')}", "install the unit's file first")
        return
    down = state.get("ActiveState") in ("inactive", "failed")
    if "host.controller_active" in wanted and state.get("ActiveState") != "active":
        told = f"{unit} is {state.get('ActiveState')} ({state.get('SubState')})"
        if down and state.get("NeedDaemonReload") == "yes":
            yield _on_unit("host.controller_active", told, unit, "daemon-reload")
        if down:
            yield _on_unit("host.controller_active", told, unit, "restart")
        else:
            yield Left("host.controller_active", told, "systemd is at it already: see its journal")
    if "host.controller_enabled" in wanted and state.get("UnitFileState") == "disabled":
        yield _on_unit("host.controller_enabled", f"{unit} is disabled", unit, "enable")


def _things_of(seen: Seen, row: LiveRow, check: str, told: str, *, alive: bool) -> Iterator[Planned]:
    """Step 1 for one VM: its process, TAP, socket and files."""
    inventory = seen.inventory
    commands: list[Command] = [killed(one) for one in inventory.named_by(row)] if alive else []
    commands += [one for tap in inventory.taps_of(row) if isinstance(one := deleted(inventory, tap), Command)]
    commands += [removed(one, how="-f") for one in inventory.sockets_named(row)]
    commands += [removed(one) for one in inventory.entries if begins(name_of(one), row.vm_id)]
    for command in commands:
        yield _on_host(check, told, command, row.vm_id)


def _rows(
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


def _on_host(check: str, told: str, command: Command, vm: str) -> Planned:
    kinds: dict[type, Literal["process", "path", "tap"]] = {
        ProcessThing: "process",
        PathThing: "path",
        TapThing: "tap",
    }
    thing = command.on
    if thing is None:
        raise TypeError(f"{command.line}: it names no thing")
    return Planned(check, told, mend_line(command), OnHost(kinds[type(thing)], thing, command.argv), vm)


def _on_unit(
    check: str, told: str, unit: str, verb: Literal["daemon-reload", "enable", "restart"]
) -> Planned:
    does = OnUnit("unit", unit, verb)
    return Planned(check, told, mend_line(Command(("sudo", *does.argv))), does)


def _told(finding: Finding) -> str:
    return f"{finding.thing}: {finding.why}"
