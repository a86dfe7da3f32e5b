"""``python -m harness mend``: the plan, and what was done of it, told to a person."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.database.connection import Database, read_only_session, writing_session
from harness.errors import HarnessError, UsageError
from harness.findings import Finding, lasting_findings
from harness.host.hypervisor import Hypervisor
from harness.mending.apply import Done, carry_out
from harness.mending.chosen import chosen, read_private_plan
from harness.mending.emergency import EMERGENCY, emergency_plan
from harness.mending.hands import Hands
from harness.mending.journal import Journal, read_journal
from harness.mending.operations import Left, OnRows, OnUnit, Plan, Planned, plan_json
from harness.mending.options import FEW_VMMS
from harness.mending.planning import MENDABLE, claims_of, plan, rows_of
from harness.mending.seen import Seen, look
from harness.mending.suite import judged_again
from harness.mending.undo import not_put_back, require_site, undo
from harness.outward import told
from harness.site.load import load_site
from harness.site.profile import Site
from harness.text import one_line

Say = Callable[[str], None]
Ask = Callable[[str], str]

RED = "red"
"""What is found of a check that has no operation of its own: it may be red because of one that has."""


@dataclass(frozen=True)
class _Work:
    """One site, connected."""

    site: Site
    profile: Path
    hypervisor: Hypervisor
    database: Database
    writing: Callable[[], AbstractContextManager[Database]]
    run_id: str
    vmms: int | None = None

    def look(self, checks: Collection[str], *, emergency: bool = False) -> Seen:
        """One look."""
        return look(self.hypervisor, self.database, claims=claims_of(checks), emergency=emergency)

    def plan(self, seen: Seen, checks: Collection[str], *, only: Collection[str] | None = None) -> Plan:
        """What a look asks for."""
        return plan(seen, self.site, str(self.profile), checks=checks, vmms=self.vmms, only=only)

    def emergency(self) -> Plan:
        """The emergency workaround, from a look of its own."""
        return emergency_plan(self.look((), emergency=True), self.site, str(self.profile))

    def again(self, found: Plan, one: Planned) -> Plan:
        """What is asked for right before an operation of a plan."""
        if found.emergency:
            return self.emergency()
        return self.plan(self.look(found.checks), found.checks, only=rows_of(one))


def main(args: argparse.Namespace, *, say: Say, ask: Ask) -> int:
    """0 nothing is left to do, 1 something is, or could not be done."""
    written = read_private_plan(args.apply) if args.apply and args.apply != Path() else None
    profile, checks = chosen(args, written, os.environ)
    site = load_site(profile)
    with _connected(site, profile, args.vmms) as work:
        if args.undo:
            return _undone(work, args, say, ask)
        found = _planned(work, args, checks, written)
        _tell(found, say)
        if args.output:
            _write(args.output, found)
        if args.apply is None:
            say("nothing was changed; to do it: --apply")
            return 1 if found.operations or found.left else 0
        _require_consent(found, site, args, say, ask)
        return _applied(work, found, args, say, ask)


@contextlib.contextmanager
def _connected(site: Site, profile: Path, vmms: int | None) -> Iterator[_Work]:
    run_id = secrets.token_hex(3)
    with Hypervisor(site, run_id=run_id) as hypervisor, contextlib.ExitStack() as stack:
        forward = hypervisor.forward if site.database.through_host else None
        database = stack.enter_context(read_only_session(site, run_id=run_id, forward=forward))
        writing = functools.partial(writing_session, site, run_id=run_id, forward=forward)
        yield _Work(site, profile, hypervisor, database, writing, run_id, vmms)


def _planned(work: _Work, args: argparse.Namespace, checks: Collection[str], written: Plan | None) -> Plan:
    """Only what every look within the settle time shows; of a plan that was written, no more than that."""
    if args.emergency:
        return work.emergency()
    if written is not None and (written.site != work.site.name or written.emergency):
        raise UsageError(f"{args.apply}: not a plan for {work.site.name}", hint="make a fresh one")
    first = work.look(checks)
    lasting = lasting_findings(
        things_and_rows(work.plan(first, checks)),
        lambda: things_and_rows(work.plan(work.look(checks), checks)),
        what="host and database settle",
        timeout_s=work.site.host.settle_s,
    )
    kept = {one.key for one in lasting}
    fresh = work.plan(first, checks, only=kept)
    if written is not None:
        return replace(written, left=fresh.left)
    left = [Left(name, RED, f"python -m harness explain {name}") for name in checks if name not in MENDABLE]
    steps = tuple(one for one in fresh.operations if one.does.key in kept or isinstance(one.does, OnRows))
    return replace(fresh, operations=steps, left=(*fresh.left, *left))


def things_and_rows(found: Plan) -> list[Finding]:
    """What a plan is about, thing by thing and row by row: a group of rows may grow while we look."""
    keys = [key for one in found.operations for key in sorted(rows_of(one) or {one.does.key})]
    return [Finding(key, key, "") for key in keys]


def _tell(found: Plan, say: Say) -> None:
    say(told(f"plan for {found.site}: {len(found.operations)} operations, {len(found.left)} left to you"))
    for number, one in enumerate(found.operations, 1):
        say(told(f"  {number}. {one.check}: {one_line(one.finding)}"))
        say(f"     {told(one.line)}")
        if isinstance(one.does, OnRows):
            for key, row in one.does.before.items():
                say(told(f"       row {key}: status {row.get('status')}"))
    for left in found.left:
        say(told(f"  -  {left.check}: {one_line(left.finding)}"))
        say(told(f"     not mended here: {one_line(left.why)}"))


def _require_consent(found: Plan, site: Site, args: argparse.Namespace, say: Say, ask: Ask) -> None:
    """Nobody ends everybody's sessions by a slip of the hand, `--yes` or not."""
    if not args.emergency:
        return
    say(told(f"this destroys EVERY Browser VM of {site.name}, and ends {len(found.sessions)} sessions:"))
    for line in found.sessions:
        say(told(f"  {line}"))
    if ask(f"type the site's name to go on ({site.name}): ").strip() != site.name:
        raise UsageError("that is not the site's name: nothing was done")


def _applied(work: _Work, found: Plan, args: argparse.Namespace, say: Say, ask: Ask) -> int:
    journal = Journal(args.evidence_dir, work.run_id)
    with contextlib.closing(journal):
        journal.write("plan", **plan_json(found))
        hands = Hands(work.hypervisor, work.site, work.writing, journal)
        again = functools.partial(work.again, found)

        many = not found.emergency and too_many_vmms(found, args.vmms)

        def confirm(one: Planned) -> bool:
            covered = args.yes and not (one.does.what == "process" and many)
            return covered or ask(f"{told(one.line)}\n  do it? [y/N] ").strip().lower() == "y"

        done: list[Done] = []
        try:
            for one in carry_out(found, again, hands, journal, confirm):
                say(
                    told(
                        f"{one.outcome:<9} {one.planned.line}" + (f"\n          {one.why}" if one.why else "")
                    )
                )
                done.append(one)
        finally:
            if stays_down(found, done):
                say(told(f"the controller is down: sudo systemctl start -- {work.site.controller.unit}"))
        say(told(f"journal: {journal.folder}" + _undo_hint(done, work.run_id)))
        return _judged(work, found, args, done, journal, say)


def stays_down(found: Plan, done: Sequence[Done]) -> bool:
    """Whether an emergency stopped the controller, and did not start it."""
    units = {one.planned.does.verb: one.outcome for one in done if isinstance(one.planned.does, OnUnit)}
    return found.emergency and units.get("stop", "declined") != "declined" and units.get("start") != "done"


def too_many_vmms(found: Plan, vmms: int | None) -> bool:
    """Whether more VMMs would be ended than `--yes` covers: then each is asked for."""
    ended = sum(one.does.what == "process" for one in found.operations)
    return ended > (FEW_VMMS if vmms is None else vmms)


def _judged(
    work: _Work, found: Plan, args: argparse.Namespace, done: list[Done], journal: Journal, say: Say
) -> int:
    """The checks behind it, once more: what is mended is what they say."""
    checks = [name for name in found.checks if name != EMERGENCY] or list(MENDABLE)
    red = [one.check for one in found.left if one.finding == RED]  # it may have come of what is mended now
    try:
        outcomes = judged_again(work.profile, args.evidence_dir, [*checks, *red])
    except HarnessError as error:
        journal.write("verdict", error=error.message)
        say(told(str(error)))
        return 1
    journal.write("verdict", outcomes=outcomes)
    for name, outcome in outcomes.items():
        say(f"{'mended' if outcome == 'PASS' else 'still red' if outcome == 'FAIL' else outcome:<10} {name}")
    unasked = sorted(set(checks) - {name.partition("[")[0] for name in outcomes})
    for name in unasked:
        say(f"{'not asked':<10} {name}")
    return 1 if unasked or is_left(found, done, outcomes) else 0


def is_left(found: Plan, done: Collection[Done], outcomes: Mapping[str, str]) -> bool:
    """Whether something is left to do: left to a person, not done, or red all the same."""
    undone = any(one.outcome in ("refused", "failed", "declined") for one in done)
    well = {name.partition("[")[0] for name, one in outcomes.items() if one == "PASS"}
    left = [one for one in found.left if one.finding != RED or one.check not in well]
    return bool(left) or undone or any(one not in ("PASS", "n/a") for one in outcomes.values())


def _undo_hint(done: list[Done], run_id: str) -> str:
    rows = any(one.outcome == "done" and isinstance(one.planned.does, OnRows) for one in done)
    return f"; rows are put back by --undo {run_id}" if rows else ""


def _undone(work: _Work, args: argparse.Namespace, say: Say, ask: Ask) -> int:
    lines = read_journal(args.evidence_dir, args.undo)
    require_site(lines, work.site)

    def confirm(table: str, key: str, was: Mapping[str, Any]) -> bool:
        line = told(f"{table} {key}: back to status {was.get('status')}")
        return bool(args.yes) or ask(f"{line}\n  do it? [y/N] ").strip().lower() == "y"

    left = False
    with contextlib.closing(Journal(args.evidence_dir, work.run_id)) as journal:
        journal.write("undo", site=work.site.name, run=args.undo)
        for one in undo(lines, work.site, work.writing, journal, confirm):
            say(told(str(one)))
            left |= one.outcome == "left"
        for line in not_put_back(lines):
            say(told(line))
        say(told(f"journal: {journal.folder}"))
    return 1 if left else 0


def _write(file: Path, found: Plan) -> None:
    """Private: a row may hold what nobody else should read."""
    with contextlib.suppress(FileNotFoundError):
        file.unlink()
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        json.dump(plan_json(found), opened, indent=1, default=str)
