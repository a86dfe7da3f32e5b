"""On which terms checks count at a site: a FAIL may be waived until a day, a check may be advisory.

A check that is advisory decides nothing, whatever it comes to. A waiver excuses a FAIL alone: that we could
not ask, or that nothing could tell, is no state of the site that somebody could live with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from harness.check_names import names_of

LAST_DAYS = 7
"""Of a waiver: in these it warns."""


@dataclass(frozen=True)
class Waiver:
    """A FAIL that its owner lives with for now."""

    check: str
    reason: str
    owner: str
    ticket: str
    until: date
    """Its last day, to its end in UTC."""

    @property
    def whose(self) -> str:
        """Who answers for it, and where it is kept track of."""
        return f"{self.owner}, {self.ticket}"

    def holds(self, now: datetime) -> bool:
        """Whether it counts then."""
        return self.days_left(now) >= 0

    def days_left(self, now: datetime) -> int:
        """How many days come after the one that it is then, less than none where it is past."""
        return (self.until - now.astimezone(UTC).date()).days

    def warning(self, now: datetime) -> str:
        """What to say of it in its last days; nothing before them, or when it is past."""
        left = self.days_left(now)
        if not 0 <= left < LAST_DAYS:
            return ""
        return "ends today" if left == 0 else f"ends in {left} day{'s' if left > 1 else ''}"


def ends(until: date) -> datetime:
    """The moment from which a waiver counts no more."""
    return datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=1)


@dataclass(frozen=True)
class Terms:
    """All that a profile says of it."""

    waivers: tuple[Waiver, ...] = ()
    advisory: frozenset[str] = frozenset()

    @classmethod
    def of(cls, waivers: Iterable[Mapping[str, Any]], advisory: Iterable[str]) -> Terms:
        """As a profile has them."""
        return cls(tuple(Waiver(**one) for one in waivers), frozenset(advisory))

    def waiver_of(self, check: str) -> Waiver | None:
        """The waiver of a check, or of all of its rows."""
        by_name = {one.check: one for one in self.waivers}
        return next((by_name[name] for name in names_of(check) if name in by_name), None)

    def is_advisory(self, check: str) -> bool:
        """Whether it, or all of its rows, decide nothing."""
        return not self.advisory.isdisjoint(names_of(check))
