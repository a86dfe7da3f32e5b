"""How a site stands, by its last run; and what changed since it was last told of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.answers import read_json
from harness.errors import UnreadableError
from harness.verdict.document import Document, Moment, RunOutcome
from harness.whole import write_whole

_LARGEST = 4 << 20
_MOST = 200  # checks that are told of by name
_CLEAR = ("PASS", "n/a", "FAIL", "BROKEN")
_SHOWN = 500  # characters of what was seen

Said = Annotated[str, Field(max_length=4000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Failing(_Part):
    """A check that does not pass."""

    check: Said
    outcome: Literal["FAIL", "BROKEN"]
    seen: Said
    mend: Said


class Standing(_Part):
    """How a site stood at the end of a run."""

    site: Said
    scope: Said
    outcome: RunOutcome
    failing: tuple[Failing, ...]
    unproven: tuple[Said, ...] = ()
    """Checks of which it could not be told, or that are red and excused."""
    run: Said
    """The run's id; empty where none came to a verdict."""
    at: Moment
    why: Said = ""
    """Why a run came to no verdict."""


class Change(_Part):
    """What is told: how a site stands now, and what is otherwise than when it was last told of."""

    site: Said
    scope: Said
    outcome: RunOutcome
    was: RunOutcome | None
    """None: it was never told of."""
    since: Moment
    """The end of the run that showed it."""
    new: tuple[Failing, ...]
    still: tuple[Said, ...]
    fixed: tuple[Said, ...]
    run: Said
    why: Said

    @property
    def line(self) -> str:
        """In a line for a person."""
        before = f", was {self.was}" if self.was and self.was != self.outcome else ""
        counted = {"new": len(self.new), "fixed": len(self.fixed), "still": len(self.still)}
        told = ", ".join(f"{count} {what}" for what, count in counted.items() if count)
        counts, why = f" ({told})" if told else "", f": {self.why}" if self.why else ""
        return f"{self.site}: {self.outcome}{before}{counts}{why}"


def standing_of(verdict: Document) -> Standing:
    """What a run's verdict comes to."""
    failing = [
        Failing(
            check=one.name, outcome=one.outcome, seen=one.seen[:_SHOWN], mend=f"step {one.step}: {one.how}"
        )
        for one in verdict.checks
        if one.outcome in ("FAIL", "BROKEN")
    ]
    return Standing(
        site=verdict.site,
        scope=verdict.scope.name,
        outcome=verdict.outcome,
        failing=tuple(failing[:_MOST]),
        unproven=tuple(one.name for one in verdict.checks if one.outcome not in _CLEAR),
        run=verdict.run,
        at=verdict.ended,
    )


def change(told: Standing | None, now: Standing) -> Change | None:
    """What is to be told; None where all is as it was. What a check has seen may differ each time, and so may
    the words of a run that came to no verdict: neither is a change."""
    before = {one.check: one.outcome for one in told.failing} if told else {}
    new = tuple(one for one in now.failing if before.get(one.check) != one.outcome)
    unknown = {*(one.check for one in now.failing), *now.unproven}
    fixed = tuple(name for name in before if now.run and name not in unknown)
    is_as_it_was = told is not None and (told.outcome, bool(told.run)) == (now.outcome, bool(now.run))
    if is_as_it_was and not new and not fixed:
        return None
    still = tuple(one.check for one in now.failing if one not in new)
    was = told.outcome if told else None
    return Change(
        site=now.site,
        scope=now.scope,
        outcome=now.outcome,
        was=was,
        since=now.at,
        new=new,
        still=still,
        fixed=fixed,
        run=now.run,
        why=now.why,
    )


def remembered(told: Standing | None, now: Standing) -> Standing:
    """What the next run is held against: one that came to no verdict leaves what is known of the checks."""
    if now.run or told is None:
        return now
    return now.model_copy(update={"failing": told.failing, "unproven": told.unproven})


def read_standing(file: Path) -> Standing | None:
    """What was last told; None where nothing was, or it cannot be read: then it is told again."""
    try:
        with file.open("rb") as opened:
            return Standing.model_validate(read_json(opened.read(_LARGEST), whose=str(file)))
    except (OSError, UnreadableError, ValidationError):
        return None


def keep_standing(file: Path, standing: Standing) -> None:
    """For the next time, also of another process.

    :raises OSError: it cannot be written.
    """
    write_whole(file, standing.model_dump_json(indent=1).encode())
