"""``verdict.json`` as a model. docs/verdict.md describes it, docs/verdict.schema.json is written from it."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, PlainSerializer, ValidationError

from harness.answers import read_json
from harness.errors import UnreadableError
from harness.verdict.about import About, Part, Told
from harness.verdict.checklist import Step
from harness.verdict.content import content_of
from harness.verdict.terms import Waiver

FORMAT = 2
_AGAIN = "run the suite again: scripts/acceptance writes a new one"

OutcomeWord = Literal["PASS", "FAIL", "BROKEN", "NOT PROVEN", "WAIVED", "ADVISORY", "n/a"]
RunOutcome = Literal["PASS", "FAIL", "BROKEN", "NOT PROVEN"]


def rfc3339(moment: datetime) -> str:
    """A moment in UTC, to the millisecond."""
    return f"{moment.strftime('%Y-%m-%dT%H:%M:%S')}.{moment.microsecond // 1000:03}Z"


Moment = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]


class ScopePart(Part):
    """Which items had to be proven."""

    name: Literal["acceptance", "candidate", "smoke", "partial"]
    narrowed: list[str]
    """What kept it from asking everything."""


class ItemPart(Part):
    """A line of the checklist."""

    key: str
    text: str
    outcome: OutcomeWord
    in_scope: bool
    reason: str
    checks: list[str]


class WaiverPart(Part):
    """A FAIL that its owner lives with until a day."""

    check: Told
    """As the profile names it, for all of its rows without one."""
    reason: Told
    owner: Told
    ticket: Told
    until: date
    """Its last day, to its end in UTC."""

    def as_waiver(self) -> Waiver:
        """What it is."""
        return Waiver(**dict(self))


class CausePart(Part):
    """What a FAIL comes from, where a diagnosis was made."""

    name: str
    """As docs/causes.md has it; empty where none is known, and the text says what it is not."""
    text: str
    where: str
    step: Step
    how: str


class TryPart(Part):
    """What a check came to in an earlier run, before it was asked again."""

    run: str
    outcome: OutcomeWord
    seen: str
    evidence: str


class EarlierPart(Part):
    """An earlier run, of which this one asked again what did not pass."""

    run: str
    began: Moment
    ended: Moment
    outcome: RunOutcome
    exit_status: int
    evidence: Told


class CheckPart(Part):
    """A check and what became of it."""

    name: str
    node: str
    claim: str
    item: str
    proves: bool
    smoke: bool
    step: Step
    how: str
    outcome: OutcomeWord
    seen: str
    hint: str
    where: str
    began: Moment | None = None
    """When its turn came; null where it never did."""
    seconds: float
    evidence: str
    found: OutcomeWord | None = None
    """What it came to in itself, where it is WAIVED or ADVISORY."""
    waiver: WaiverPart | None = None
    """The one that the profile has of it, whether it held or not."""
    advisory: bool = False
    """Whether the profile says that it decides nothing."""
    cause: CausePart | None = None
    behind: str = ""
    """The check whose consequence it is: what it saw is no finding of its own."""
    of_run: str = ""
    """The earlier run that it was asked in; nothing where it was asked in this one."""
    tries: tuple[TryPart, ...] = ()
    """What it came to before, the first first."""


class TroublePart(Part):
    """What went wrong beside the checks."""

    outcome: OutcomeWord
    text: str


class AdvicePart(Part):
    """What changes no outcome."""

    check: str
    text: str


class ChangePart(Part):
    """A check that came to something else than in the run before, or still does not pass."""

    check: Told
    outcome: Told
    """Now; empty where it was not asked any more."""
    before: Told
    """In the run before; empty where it was not asked."""
    run: Told
    """The first of the runs, without one between, in which it did not pass."""
    since: Moment
    """When that run began."""


class TrendPart(Part):
    """A number of the runs on this golden snapshot, held against those of the runs on the one before."""

    what: Told
    """Its name in `measured`."""
    change: Literal["worse", "better", "none"]
    """`none`: nothing is seen that chance does not do."""
    medians: tuple[float, float]
    """Of the runs on the snapshot before, and of those on this one."""
    runs: tuple[int, int]
    """How many these were."""
    p: float | None
    """Of the rank test of Mann and Whitney, two-sided; null where the medians differ too little to ask."""


class SincePart(Part):
    """The run held against the last one of the same site and scope."""

    run: Told = ""
    """Empty: there is none that it can be held against."""
    began: Moment | None = None
    outcome: Told = ""
    why: Told = ""
    """There is none."""
    new: list[ChangePart] = Field(default_factory=list)
    """Checks that do not pass, and did, or were not asked."""
    fixed: list[ChangePart] = Field(default_factory=list)
    still: list[ChangePart] = Field(default_factory=list)
    gone: list[ChangePart] = Field(default_factory=list)
    """Checks that did not pass, and were not asked any more."""
    trends: list[TrendPart] = Field(default_factory=list)
    """Numbers of which there are enough on both snapshots."""


class Document(About):
    """The verdict on one run."""

    format: Literal[2]
    """2; another number when the meaning of a key changes."""
    run: str
    began: Moment
    """RFC 3339, UTC, by the clock of the machine that the suite ran on."""
    ended: Moment
    site: str
    evidence: str = ""
    """The run's folder."""
    experiments: str = ""
    """On which clones experiments were made, where any was."""
    merged: tuple[EarlierPart, ...] = ()
    """The earlier runs that are in this verdict, too, the first first."""
    outcome: RunOutcome
    exit_status: Annotated[int, Field(ge=0, le=255)]
    scope: ScopePart
    items: list[ItemPart]
    checks: list[CheckPart]
    trouble: list[TroublePart]
    advice: list[AdvicePart]
    since: SincePart = Field(default_factory=SincePart)
    leftovers: list[str]
    unwritten: list[str]
    left_out: dict[str, int]
    """How many entries more than these some lists had, by their names."""

    @property
    def excused(self) -> frozenset[str]:
        """The checks that FAILED, and did not count as such."""
        return frozenset(one.name for one in self.checks if one.found == "FAIL")


def schema() -> str:
    """docs/verdict.schema.json."""
    content = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Document.model_json_schema(mode="serialization"),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def read_document(path: Path) -> Document:
    """A verdict that an earlier run wrote.

    :raises UnreadableError: it is none, or of another format; the hint says what to do.
    """
    try:
        content = content_of(path, follow=True)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}", hint=_AGAIN) from error
    return document_in(content, whose=str(path))


def document_in(content: bytes, *, whose: str) -> Document:
    """The same, of a file's content."""
    return document_of(read_json(content, whose=whose), whose=whose)


def document_of(value: Any, *, whose: str) -> Document:
    """The model of a verdict's JSON.

    :raises UnreadableError: it is none, or of another format; the hint says what to do.
    """
    said = value.get("format") if isinstance(value, dict) else None
    if said == 1 and not isinstance(said, bool):
        raise UnreadableError(
            f"{whose}: of format 1, which says neither when it was made nor of which snapshot", hint=_AGAIN
        )
    if isinstance(said, int) and said > FORMAT:
        raise UnreadableError(
            f"{whose}: of format {said}, and this suite reads {FORMAT}", hint="use the suite that wrote it"
        )
    try:
        return Document.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise UnreadableError(f"{whose}: no verdict: {where}: {first['msg']}", hint=_AGAIN) from error
