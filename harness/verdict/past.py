"""A run as the history remembers it: so much of its verdict as later runs are held against."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from harness.answers import read_json
from harness.errors import UnreadableError
from harness.verdict.about import Measured, Part
from harness.verdict.document import Document, Moment
from harness.verdict.outcome import CUT_SHORT, UNASKED
from harness.verdict.subject import subject_of

PASSING = ("PASS", "n/a")
_INTERRUPTED = 2
Seconds = Annotated[float, Field(ge=0)]


class Past(Part):
    """A line of the history. What a later suite writes beside it is no fault."""

    model_config = ConfigDict(extra="ignore")

    format: Literal[1] = 1
    run: str
    site: str
    host: str
    """Its address in the profile."""
    scope: str
    whole: bool
    """All of the scope was asked, and came to an end."""
    began: Moment
    ended: Moment
    outcome: str
    subject: dict[str, str | None]
    """The host, the profile, the checks and each file of the snapshot -> its digest."""
    suite_machine: str | None
    measured: Measured
    checks: dict[str, tuple[str, Seconds]]
    """Each by its name: what it came to, and how long it took."""
    failing: dict[str, tuple[str, Moment]]
    """Those that did not pass: since which run, and when that began."""

    @property
    def snapshot(self) -> tuple[str, ...]:
        """The digests of the golden snapshot's files; none where one is not known."""
        files = [digest for role, digest in sorted(self.subject.items()) if role.startswith("snapshot ")]
        known = [digest for digest in files if digest]
        return tuple(known) if len(known) == len(files) else ()

    def outcome_of(self, check: str) -> str:
        """What a check came to; empty where it was not asked."""
        return self.checks[check][0] if check in self.checks else ""

    def is_of(self, other: Past) -> bool:
        """Whether both were asked the same of the same site."""
        return (self.site, self.host, self.scope) == (other.site, other.host, other.scope)


def past_of(document: Document) -> Past:
    """So much of a verdict."""
    here = (document.run, document.began)
    since = {one.check: (one.run, one.since) for one in document.since.still}
    failing = {one.name: since.get(one.name, here) for one in document.checks if one.outcome not in PASSING}
    return Past(
        run=document.run,
        site=document.site,
        host=document.host.address,
        scope=document.scope.name,
        whole=_is_whole(document),
        began=document.began,
        ended=document.ended,
        outcome=document.outcome,
        subject=dict(subject_of(document)),
        suite_machine=document.suite.machine_sha256,
        measured=document.measured,
        checks={one.name: (one.outcome, one.seconds) for one in document.checks},
        failing=failing,
    )


def read_past(line: bytes, *, whose: str) -> Past:
    """A line of the history.

    :raises UnreadableError: it is none.
    """
    value: Any = read_json(line, whose=whose)
    try:
        return Past.model_validate(value)
    except ValueError as error:
        raise UnreadableError(f"{whose}: no run of a history") from error


def _is_whole(document: Document) -> bool:
    unasked = any(one.seen in (UNASKED, CUT_SHORT) for one in document.checks)
    cut = unasked or document.exit_status == _INTERRUPTED
    return document.scope.name != "partial" and not document.scope.narrowed and not cut
