"""What a look asks for. Pure: a look in, a plan out. What a person must decide is left, with the reason."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from harness.database.vm_rows import LiveRow
from harness.findings import Finding
from harness.mend import Command
from harness.mending.operations import Left, OnRows, OnUnit, Plan, Planned
from harness.mending.passing import in_passing
from harness.mending.seen import Seen
from harness.mending.steps import Change, on_host, on_rows, on_unit, sessions_on, things_of, told_of
from harness.mending.whose import nobody_known, not_to_end, vm_of
from harness.site.profile import Site
from harness.world.promises import bad_addresses, rows_without_process, rows_without_socket, rows_without_tap
from harness.world.strays import (
    stray_entries,
    stray_processes,
    stray_sockets,
    stray_taps,
)

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
        yield from on_rows(
            seen, one.check, told, does.table, does.change, images, vm=one.vm, claim=does.claim
        )


def _strays(seen: Seen, checks: Collection[str]) -> Iterator[Step]:
    for check, judge in STRAYS.items():
        if check not in checks:
            continue
        for finding in judge(seen.inventory):
            command = next((one for one in finding.mends if isinstance(one, Command)), None)
            if command is None or command.on is None:  # nothing tells it from another that comes in its place
                by_hand = f": {command.line}" if command else ""
                yield Left(check, told_of(finding), f"only a person can mend it{by_hand}")
            elif why := not_to_end(seen, command):
                yield Left(check, told_of(finding), why)
            else:
                yield on_host(check, told_of(finding), command, vm_of(seen, command))


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
            yield Left(check, told_of(finding), why)
            continue
        yield from things_of(seen, rows[vm_id], check, told_of(finding), alive=False)
        on_it = sessions_on(seen, vm_id)
        yield from on_rows(
            seen, check, f"unfinished sessions on {vm_id}", "sessions", "fail", on_it, vm=vm_id
        )
        image = {vm_id: seen.rows.vms[vm_id]} if vm_id in seen.rows.vms else {}
        yield from on_rows(seen, check, told_of(finding), "vms", "destroy", image, vm=vm_id)


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
        yield from on_rows(seen, check, f"{len(able)} rows", table, change, able, claim=claim)


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
            yield on_unit("host.controller_active", told, unit, "daemon-reload")
        if down:
            yield on_unit("host.controller_active", told, unit, "restart")
        else:
            yield Left("host.controller_active", told, "systemd is at it already: see its journal")
    if "host.controller_enabled" in wanted and state.get("UnitFileState") == "disabled":
        yield on_unit("host.controller_enabled", f"{unit} is disabled", unit, "enable")
