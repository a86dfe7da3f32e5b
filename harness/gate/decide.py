"""ALLOW or DENY, from the verdicts that there are. Pure: verdicts in, an answer out.

The newest run of all checks on exactly this host, snapshot, profile and suite decides. A run that asked less
cannot allow anything. Where one came later and saw a FAIL on what may be the same, or came to no verdict, it
denies: what is not known of it is no reason to pass it over.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from harness.gate.excused import excuses_in, objections
from harness.gate.untold import Untold
from harness.verdict.again import first_of
from harness.verdict.checklist import CANDIDATE_ITEMS, ITEMS
from harness.verdict.document import CheckPart, Document, rfc3339
from harness.verdict.needed import CLOCKS_APART, asked_all, asked_candidate
from harness.verdict.subject import Subject, may_be_same, subject, subject_of
from harness.verdict.terms import Terms

_AGAIN = "run the suite: scripts/acceptance"
_SHOWN = 12  # characters of a digest
_AHEAD = timedelta(minutes=5)  # by which another machine's clock may be ahead of ours


class Reason(enum.Enum):
    """Why not."""

    NO_VERDICT = "no verdict"
    SNAPSHOT = "another snapshot"
    HOST = "another host"
    PROFILE = "another profile"
    CHECKS = "other checks"
    NARROWED = "not everything was asked"
    FAIL = "FAIL"
    BROKEN = "BROKEN"
    NOT_PROVEN = "NOT PROVEN"
    EXCUSED = "no longer excused"
    UNTOLD = "a newer run came to no verdict"
    AT_ODDS = "at odds with itself"
    TOO_OLD = "too old"
    FUTURE = "of the future"
    PROMOTION = "an unfinished promotion"
    UNSIGNED = "no signature"
    SIGNATURE = "wrong signature"


@dataclass(frozen=True)
class Question:
    """What may reach users, and on which conditions."""

    snapshot: Mapping[str, str]
    """What each file of the golden snapshot is for -> its sha256, as it lies on the host now."""
    profile: str
    checks: str
    now: datetime
    max_age: timedelta | None = None
    machine: str | None = None
    """The digest of the host's machine-id; None: it has none."""
    site: str = ""
    """What the profile calls it."""
    terms: Terms = field(default_factory=Terms)
    """On which checks count, by the profile as it is now."""
    candidate: str = ""
    """The folder of the snapshot, where it is not golden yet: then what it can prove itself is enough."""
    own_items: tuple[str, ...] = ()
    """The lines that the site's checklist has beyond the runbook's."""

    @property
    def again(self) -> str:
        """How it is judged."""
        return f"{_AGAIN} --candidate={self.candidate}" if self.candidate else _AGAIN

    @property
    def items(self) -> Collection[str]:
        """What must be proven."""
        return CANDIDATE_ITEMS if self.candidate else (*ITEMS, *self.own_items)

    def is_answered_by(self, document: Document) -> bool:
        """Whether that run was asked all of it."""
        return asked_all(document) or bool(self.candidate and asked_candidate(document))

    @property
    def subject(self) -> Subject:
        """What a verdict that counts is about."""
        files = {f"snapshot {role}": digest for role, digest in self.snapshot.items()}
        return subject(files, self.machine, self.profile, self.checks)


@dataclass(frozen=True)
class Told:
    """A verdict, and whose word it is."""

    document: Document
    file: str
    refused: tuple[Reason, str] | None = None
    """Why its word does not count, where a signature is asked for."""


@dataclass(frozen=True)
class Answer:
    """ALLOW where there is no reason not to."""

    text: str
    reason: Reason | None = None
    hint: str = ""
    told: Told | None = None
    """The verdict that decided."""

    @property
    def allows(self) -> bool:
        """Whether the snapshot may go on."""
        return self.reason is None

    def __str__(self) -> str:
        if self.allows:
            return f"ALLOW  {self.text}"
        head = f"DENY   {self.reason.value}: {self.text}" if self.reason else ""
        return f"{head}\n  next: {self.hint}" if self.hint else head


def decide(question: Question, verdicts: Sequence[Told], untold: Sequence[Untold] = ()) -> Answer:
    """The answer of the gate."""
    newest_first = sorted(verdicts, key=lambda told: told.document.ended, reverse=True)
    same = [told for told in newest_first if next(differences(question, told.document), None) is None]
    whole = next((told for told in same if question.is_answered_by(told.document)), None)
    if whole is None:
        return _without(question, newest_first, same, untold)
    denying = (told for told in newest_first if _denies(told, whole, question, same))
    failed = next(denying, None)
    if failed is not None:
        return _objection(failed, question) or _outcome_denies(failed)
    answer, newer = _judged(question, whole), _newest_untold(question, whole, untold)
    if newer is None or not answer.allows:
        return answer
    hint = "wait until it has ended" if newer.goes_on else question.again
    return Answer(newer.why, Reason.UNTOLD, hint)


def _denies(told: Told, whole: Told, question: Question, same: Sequence[Told]) -> bool:
    """Whether it is a FAIL that may be of the same, and that the run which decides leaves standing."""
    if told is whole or not _failed(told.document, question):
        return False
    return _may_be_later(told, whole, question) or (
        told in same and not asked_all(whole.document) and _is_not_undone(told, question, same)
    )


def _may_be_later(told: Told, whole: Told, question: Question) -> bool:
    """Whether it may be of the same, and may have come after that run."""
    document = told.document
    if not may_be_same(question.subject, subject_of(document)):
        return False
    machine, clock = document.suite.machine_sha256, whole.document.suite.machine_sha256
    margin = timedelta() if machine and machine == clock else CLOCKS_APART
    if document.run in {one.run for one in whole.document.merged}:
        return False  # what it left open was asked again, and is told
    return document.ended >= first_of(whole.document)[1] - margin


def _is_not_undone(told: Told, question: Question, same: Sequence[Told]) -> bool:
    """Whether that was seen while the candidate was golden, and not all was asked and passed since.

    The run of a candidate asks less: it may well pass where the deployment does not.
    """
    undone_by = next(filter(_is_whole_pass, same), None)
    return told.document.scope.name != "candidate" and (
        undone_by is None or _may_be_later(told, undone_by, question)
    )


def _is_whole_pass(told: Told) -> bool:
    return asked_all(told.document) and told.document.outcome == "PASS" and told.refused is None


def _failed(document: Document, question: Question) -> bool:
    """Whether it saw a FAIL, also one that was excused, and would not be now."""
    excused_then = objections(document, question.terms, question.now)
    return document.outcome == "FAIL" or any(check.found == "FAIL" for check, _ in excused_then)


def _objection(told: Told, question: Question) -> Answer | None:
    """DENY where what was excused is no more; not where it is red in any case."""
    if told.document.outcome != "PASS":
        return None
    found = next(objections(told.document, question.terms, question.now), None)
    return found and Answer(
        f"{_run(told)}: {found[1]}", Reason.EXCUSED, f"mend it, and {question.again}", told
    )


def _newest_untold(question: Question, whole: Told, untold: Sequence[Untold]) -> Untold | None:
    """The newest run without a verdict that may be of this site, and began after the one that decides."""
    newer = [
        one
        for one in untold
        if one.may_be_of(question.site, question.candidate)
        and (one.goes_on or one.began >= first_of(whole.document)[0])
    ]
    return max(newer, key=lambda one: one.began, default=None)


def _judged(question: Question, told: Told) -> Answer:
    """A run of all checks on just this."""
    document = told.document
    if told.refused is not None:
        reason, why = told.refused
        return Answer(why, reason, "is it the run of somebody you trust, and the key of theirs?", told)
    if document.outcome != "PASS":
        return _outcome_denies(told)
    if document.exit_status != 0 or not _proves_all(document, question.items):
        text = f"{_run(told)} says PASS, and of its items or its exit status something else"
        return Answer(text, Reason.AT_ODDS, question.again, told)
    if objection := _objection(told, question):
        return objection
    age = question.now - first_of(document)[1]
    if question.now - document.ended < -_AHEAD:
        text = f"{_run(told)} ended after now, {rfc3339(question.now)}"
        return Answer(
            text, Reason.FUTURE, "set the clocks of the machines that run the suite and the gate", told
        )
    if question.max_age is not None and age > question.max_age:
        text = f"{_run(told)} is {_span(age)} old, and {_span(question.max_age)} are allowed"
        return Answer(text, Reason.TOO_OLD, question.again, told)
    items = len(question.items)
    return Answer(f"{_run(told)}: PASS, {items} of {items} items{excuses_in(document)}", told=told)


def _proves_all(document: Document, items: Collection[str]) -> bool:
    proven = {item.key for item in document.items if item.in_scope and item.outcome in ("PASS", "WAIVED")}
    return proven >= set(items) and all(map(_counts, document.checks)) and not document.trouble


def _counts(check: CheckPart) -> bool:
    """Whether a PASS may have a check of that kind."""
    if check.outcome == "WAIVED":
        return check.waiver is not None and check.found == "FAIL"
    return check.outcome in ("PASS", "n/a") or (check.outcome == "ADVISORY" and check.advisory)


def _outcome_denies(told: Told) -> Answer:
    document = told.document
    named = [check.name for check in document.checks if check.outcome == document.outcome]
    which = (
        f": {', '.join(named[:3])}{f' and {len(named) - 3} more' if len(named) > 3 else ''}" if named else ""
    )
    return Answer(f"{_run(told)}{which}", Reason(document.outcome), f"see {told.file}", told)


def _without(
    question: Question, verdicts: Sequence[Told], same: Sequence[Told], untold: Sequence[Untold]
) -> Answer:
    """Why no verdict decides: what the nearest one lacks."""
    if same:
        scope = same[0].document.scope
        how = f"narrowed by {', '.join(scope.narrowed)}" if scope.narrowed else f"of scope {scope.name}"
        return Answer(f"{_run(same[0])} was {how}", Reason.NARROWED, question.again, same[0])
    nearest = next(
        (told for told in verdicts if question.is_answered_by(told.document)), next(iter(verdicts), None)
    )
    if nearest is None:
        more = f"; of {len(untold)} runs none counts, as {untold[0].why}" if untold else ""
        return Answer(f"there is none{more}", Reason.NO_VERDICT, question.again)
    reason, how = next(differences(question, nearest.document))
    return Answer(f"{_run(nearest)} was of {how}", reason, question.again, nearest)


def differences(question: Question, document: Document) -> Iterator[tuple[Reason, str]]:
    """In what a verdict is about something else."""
    judged = {role: one.sha256 for role, one in document.snapshot.files.items()}
    for role in sorted({*question.snapshot, *judged}):
        now, then = question.snapshot.get(role), judged.get(role)
        if role in judged and then is None:
            yield Reason.SNAPSHOT, f"a {role} whose sha256 was not known: no run or gate had read it yet"
        elif now != then:
            yield Reason.SNAPSHOT, f"another {role}: {_short(then)}, and now it is {_short(now)}"
    if document.host.machine_id_sha256 != question.machine:
        yield Reason.HOST, f"another host: {_machine(document.host.machine_id_sha256, question.machine)}"
    if document.profile.sha256 != question.profile:
        yield Reason.PROFILE, f"another profile: {_short(document.profile.sha256)}"
    if document.suite.checks_sha256 != question.checks:
        yield Reason.CHECKS, f"other checks: {_short(document.suite.checks_sha256)}"


def _machine(then: str | None, now: str | None) -> str:
    return f"machine-id {_short(then)}, and now it is {_short(now)}"


def _short(digest: str | None) -> str:
    return f"sha256 {digest[:_SHOWN]}…" if digest else "none that is known"


def _run(told: Told) -> str:
    return f"run {told.document.run} of {rfc3339(told.document.ended)}"


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
