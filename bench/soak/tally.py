"""What the turns of a soak come to: counts, and what they say of the next run. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from bench.soak.account import Account
from bench.soak.plan import Victim

_Z = 1.959964
"""Of the normal distribution, 95 % lies within so many deviations."""


@dataclass(frozen=True)
class Row:
    """Turns of one kind."""

    what: str
    runs: int
    alarms: int
    """Of runs that must PASS, those that did not."""
    leaks: int
    """Turns after which something was left."""


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Between which shares the true one lies, with 95 % confidence, by Wilson's score."""
    if not of:
        return 0.0, 1.0
    share, square = hits / of, _Z * _Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = _Z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    # At the ends it is exact, but for what numbers lose.
    return (0.0 if hits == 0 else middle - half), (1.0 if hits == of else middle + half)


def rows(accounts: Iterable[Account]) -> list[Row]:
    """A row for each kind of turn that there was, and one for all."""
    known = list(accounts)
    kinds = dict.fromkeys(map(_kind, sorted(known, key=_order)))
    return [_row(kind, [one for one in known if _kind(one) == kind]) for kind in kinds] + [_row("all", known)]


def _row(what: str, accounts: list[Account]) -> Row:
    return Row(
        what,
        len(accounts),
        sum(one.is_false_alarm for one in accounts),
        sum(bool(one.leaks) for one in accounts),
    )


def _kind(one: Account) -> str:
    if one.victim is None:
        return f"{one.scope}, {'under load' if one.loaded else 'quiet'}"
    struck = "SIGKILL of the" if one.strike else "no SIGKILL in time of the"
    return f"{one.scope}, after {struck} {one.victim}"


def _order(one: Account) -> tuple[int, str, bool, bool]:
    at = 0 if one.victim is None else 1 + list(Victim).index(one.victim)
    return at, one.scope, one.loaded, one.strike is None
