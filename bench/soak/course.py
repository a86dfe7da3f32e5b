"""The course of a soak: turn by turn, each on record before the next begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median
from typing import Protocol

from bench.soak.account import Account, Run, Strike
from bench.soak.journal import Journal
from bench.soak.plan import Scope, Turn, schedule
from bench.soak.seen import Descriptors, Seen, left_since, too_many, under_way
from harness.errors import UsageError

STRUCK: Scope = "acceptance"
"""What is run when somebody is killed: it has the most under way."""
FIRST_GUESS_S = 180.0
"""How long such a run takes, as long as none was seen."""
TRIES = 3


class Stage(Protocol):
    """What the turns are played on."""

    def run(self, turn: Turn) -> Run:
        """A run that must PASS."""

    def strike(self, turn: Turn, after_s: float) -> tuple[Strike | None, float]:
        """A run in which somebody is killed after so long, and how long it took: None where it was over."""

    def look(self, known: Callable[[Seen], object]) -> Seen:
        """How all is once ``known`` finds nothing left, or once it is plain that it stays."""


def go_on(journal: Journal, stage: Stage, say: Callable[[Account], None]) -> None:
    """Play all turns that are not yet on record."""
    before = _before(journal, stage)
    descriptors = Descriptors(before)
    done = {one.turn for one in journal.accounts}
    for turn in schedule(journal.order):
        if turn.number not in done:
            account = _play(turn, journal, stage, before, descriptors)
            journal.keep(account)
            say(account)


def _play(turn: Turn, journal: Journal, stage: Stage, before: Seen, descriptors: Descriptors) -> Account:
    strike = _strike(turn, journal, stage) if turn.victim else None
    run = stage.run(turn)
    known = {leak for one in journal.accounts for leak in one.leaks}  # each is told of once
    seen = stage.look(lambda one: left_since(before, one).keys() - known)
    gained = descriptors.gained(seen)
    leaks = {**left_since(before, seen), **too_many(gained)}
    return Account(
        turn=turn.number,
        scope=turn.scope,
        loaded=turn.loaded,
        victim=turn.victim,
        strike=strike,
        run=run,
        leaks={one: more for one, more in leaks.items() if one not in known},
        gained=gained,
    )


def _before(journal: Journal, stage: Stage) -> Seen:
    """The look before the first run; another where the host is another by now.

    :raises UsageError: somebody else uses the lab.
    """
    known = {leak for one in journal.accounts for leak in one.leaks}
    stage.look(lambda _: ())  # the first login makes what then stays: sudo's folder
    now = stage.look(lambda one: set(under_way(one)) - known)
    if others := sorted(set(under_way(now)) - known):
        raise UsageError(
            f"the lab is in use, or was left in disorder: {', '.join(others)}",
            hint="wait until nobody uses it, or have a fresh one: python -m lab down, python -m lab up",
        )
    if journal.before is None or journal.before.host != now.host:
        journal.keep_look(now)
        return now
    return journal.before


def _strike(turn: Turn, journal: Journal, stage: Stage) -> Strike | None:
    """Earlier each time, where a run was over before its moment."""
    after_s = turn.moment * usual_s(journal.accounts)
    for _ in range(TRIES):
        strike, took_s = stage.strike(turn, after_s)
        if strike:
            return strike
        after_s = min(after_s, took_s) / 2
    return None


def usual_s(accounts: Iterable[Account]) -> float:
    """How long a run takes in which somebody is to be killed."""
    took = [
        one.run.seconds
        for one in accounts
        if one.scope == STRUCK and not one.loaded and not one.is_false_alarm
    ]
    return median(took) if took else FIRST_GUESS_S
