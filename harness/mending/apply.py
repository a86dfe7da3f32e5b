"""A plan carried out: one operation after the other, each looked at again right before."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from harness.errors import HarnessError
from harness.mending.hands import Did, Hands
from harness.mending.journal import Journal
from harness.mending.operations import OnRows, Operation, Plan, Planned

Confirm = Callable[[Planned], bool]
LookAgain = Callable[[Planned], Plan]
"""What is asked for now, of the rows no others than those of this operation."""


@dataclass(frozen=True)
class Done:
    """One operation of a plan, and what became of it."""

    planned: Planned
    outcome: Literal["done", "gone", "refused", "failed", "declined"]
    why: str = ""


def still_planned(one: Planned, fresh: Plan) -> Operation | str:
    """The operation as it is asked for now; or why it is not any more, or is another than was shown.

    Done is what was asked for afresh, never what a plan's file says: that is only held against it.
    In an emergency the rows of live VMs change all the while, by their heartbeats: then as they are now.
    """
    now = next((other for other in fresh.operations if other.does.key == one.does.key), None)
    if now is None:
        return "not so any more"
    was, does = one.does, now.does
    if isinstance(was, OnRows) and isinstance(does, OnRows):
        if not fresh.emergency and (
            other := [key for key in was.before if was.before[key] != does.before[key]]
        ):
            return f"the row is another: {', '.join(other)}"
        if was.sql != does.sql:
            return "it would be done by other SQL than was planned"
    return does if now.line == one.line else "it would be done by another line than was shown"


def carry_out(
    plan: Plan, look_again: LookAgain, hands: Hands, journal: Journal, confirm: Confirm
) -> Iterator[Done]:
    """Do what is still asked for. What is behind an operation that was not done is not done, either:
    a row is not marked while somebody holds what is left of its VM."""
    kept: set[str] = set()
    numbers = itertools.count()

    def do(one: Planned, *, held: str = "") -> Done:
        if one.vm in kept:
            held = f"something else of {one.vm} could not be mended"
        done = _one(one, look_again, hands, journal, confirm, held=held, number=next(numbers))
        if one.vm and done.outcome in ("refused", "failed", "declined"):
            kept.add(one.vm)
        return done

    if plan.emergency:
        yield from _in_an_emergency(plan, look_again, do)
    else:
        yield from map(do, plan.operations)


def _in_an_emergency(plan: Plan, look_again: LookAgain, do: Callable[..., Done]) -> Iterator[Done]:
    """Between the controller's stop and its start; and one more look, for what it launched before it stopped.

    It is started whatever became of the rest, but where somebody would not have it stopped.
    """
    stop, *things, start = plan.operations
    stopped = do(stop)
    yield stopped
    if stopped.outcome != "done":
        why = "the controller could not be stopped, and would launch others"
        yield from (do(one, held=why) for one in things)
        if stopped.outcome != "declined":
            yield do(start)
        return
    yield from map(do, things)
    tried = {one.does.key for one in plan.operations}
    trouble = None
    try:
        yield from map(do, [one for one in look_again(start).operations if one.does.key not in tried])
    except HarnessError as error:
        trouble = error
    yield do(start)
    if trouble:
        raise trouble


def _one(
    one: Planned,
    look_again: LookAgain,
    hands: Hands,
    journal: Journal,
    confirm: Confirm,
    *,
    held: str,
    number: int,
) -> Done:
    if held:
        return _end(journal, number, Done(one, "refused", held))
    if not confirm(one):
        return _end(journal, number, Done(one, "declined"))
    try:
        does = still_planned(one, look_again(one))
        if isinstance(does, str):
            return _end(journal, number, Done(one, "gone", does))
        told = {**asdict(does), "before": None} if isinstance(does, OnRows) else asdict(does)
        journal.write("begin", number=number, check=one.check, finding=one.finding, line=one.line, does=told)
        did: Did = hands.do(does)
    except HarnessError as error:
        return _end(journal, number, Done(one, "failed", str(error)))
    return _end(journal, number, Done(one, did.outcome, did.why))


def _end(journal: Journal, number: int, done: Done) -> Done:
    journal.write("end", number=number, outcome=done.outcome, why=done.why)
    return done
