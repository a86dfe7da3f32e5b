"""Old runs that have to stay: without them an older PASS would count again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from harness.errors import HarnessError
from harness.verdict.again import first_of
from harness.verdict.document import Document, read_document
from harness.verdict.subject import Subject, may_be_same, subject_of

CLOCKS_APART = timedelta(minutes=10)
"""By which the clocks of two machines that ran the suite may be apart."""


@dataclass(frozen=True)
class Begun:
    """A run, and what its note says of it."""

    folder: Path
    site: str | None
    """None: it does not say."""
    began: datetime
    candidate: str | None = ""
    """The folder of the snapshot that it judged, where that was not the golden one; None: it does not say."""
    goes_on: bool = False
    """It may still come to a verdict that denies nothing."""


@dataclass(frozen=True)
class _Run:
    """A run, and its verdict where there is one."""

    begun: Begun
    document: Document | None
    subject: Subject

    @property
    def is_whole(self) -> bool:
        """Whether everything was asked, of a deployment or of a candidate."""
        return self.document is not None and (asked_all(self.document) or asked_candidate(self.document))

    @property
    def scope(self) -> str:
        """What it was asked."""
        return self.document.scope.name if self.document else ""

    @property
    def ended(self) -> datetime:
        """As the verdict says; without one, what is known to be earlier."""
        return self.document.ended if self.document else self.begun.began


def asked_all(document: Document) -> bool:
    """Whether it is the verdict of a run of all checks."""
    return document.scope.name == "acceptance" and not document.scope.narrowed


def asked_candidate(document: Document) -> bool:
    """Whether it is the verdict of a run of all that a candidate can prove."""
    return document.scope.name == "candidate" and not document.scope.narrowed


def needed(doomed: Mapping[Path, Begun], kept: Mapping[Path, Begun], verdict: str) -> Iterator[Path]:
    """Those of the doomed that deny what a kept PASS would allow; of such as deny the same, the newest.

    :param verdict: the name of a verdict's file.
    """
    denying = [run for run in _read(doomed, verdict) if _may_deny(run)]
    if not denying:
        return
    stay = _read(kept, verdict)
    newest_first = sorted(filter(lambda run: run.is_whole, stay), key=lambda run: run.ended, reverse=True)
    deciding: list[_Run] = []
    for whole in newest_first:
        asked = (whole.subject, whole.scope)
        if not any(asked == (other.subject, other.scope) for other in deciding):
            deciding.append(whole)
    for run in sorted(denying, key=lambda run: run.ended, reverse=True):
        denies = any(_denies(run, whole) for whole in deciding)
        if denies and not any(_as_well(run, other) for other in stay if not _is_merged(other, deciding)):
            stay.append(run)
            yield run.begun.folder


def _read(runs: Mapping[Path, Begun], verdict: str) -> list[_Run]:
    read = []
    for begun in runs.values():
        try:
            document = read_document(begun.folder / verdict)
            read.append(_Run(begun, document, subject_of(document)))
        except HarnessError:
            read.append(_Run(begun, None, {}))
    return read


def _may_deny(run: _Run) -> bool:
    """Now, or once its excuse has ended."""
    return run.document is None or run.document.outcome == "FAIL" or bool(run.document.excused)


def _denies(run: _Run, whole: _Run) -> bool:
    """What the gate would make of both."""
    if whole.document is None or whole.document.outcome != "PASS":
        return False
    if run.document is None:
        return (
            run.begun.site in (None, whole.document.site) and run.begun.began >= first_of(whole.document)[0]
        )
    if asked_candidate(whole.document) and not _is_of_candidate(run) and run.subject == whole.subject:
        return True  # whenever that was
    return run.ended >= first_of(whole.document)[1] - CLOCKS_APART and may_be_same(run.subject, whole.subject)


def _is_merged(run: _Run, deciding: Iterable[_Run]) -> bool:
    """Whether it is told in a run that decides, and so denies nothing of it."""
    told = {one.run for whole in deciding if whole.document for one in whole.document.merged}
    return run.document is not None and run.document.run in told


def _is_of_candidate(run: _Run) -> bool:
    return run.document is not None and run.document.scope.name == "candidate"


def _of(run: _Run) -> tuple[str | None, str | None]:
    """Of which site it was, and of which snapshot there."""
    return run.begun.site, run.begun.candidate


def _as_well(run: _Run, other: _Run) -> bool:
    """Whether the other denies all that the run does."""
    if other.ended < run.ended:
        return False
    if run.document is None or other.document is None:
        return run.document is other.document and not other.begun.goes_on and _of(run) == _of(other)
    if other.subject != run.subject or (_is_of_candidate(other) and not _is_of_candidate(run)):
        return False
    if run.document.outcome == "FAIL":
        return other.document.outcome == "FAIL"
    return other.document.outcome == "FAIL" or other.document.excused >= run.document.excused
