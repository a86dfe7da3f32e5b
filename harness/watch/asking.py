"""One run of the suite in a process of its own, and what it came to."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import CommandError, HarnessError
from harness.run import run
from harness.suite import ROOT
from harness.text import ending, one_line
from harness.verdict.document import Document, read_document
from harness.verdict.runs import RUN_ID
from harness.watch.standing import Standing, standing_of

RUN_S = 4 * 3600.0
"""A run that takes longer is interrupted."""
FAREWELL_S = 120.0
"""What a run has to leave nothing behind, once it was interrupted."""
_VERDICT = "verdict.json"


def ask(
    site: str, profile: Path, scope: str, evidence: Path, words: Sequence[str] = (), held: Sequence[int] = ()
) -> Standing:
    """Run the suite; a run that comes to no verdict could not ask, and says why.

    :param site: the profile's name.
    :param words: further options of the run.
    :param held: descriptors that a run holds on to that outlives us.
    """
    began = datetime.now(UTC)
    argv = [sys.executable, "-m", "pytest", "-m", scope, f"--site={profile}", f"--evidence-dir={evidence}"]
    try:
        done = run(
            [*argv, "-q", *words],
            timeout_s=RUN_S,
            farewell_s=FAREWELL_S,
            check=False,
            cwd=ROOT,
            env=os.environ,
            held=held,
        )
        why = f"exit status {done.status}: {_last_words(done.stdout, done.stderr)}"
    except CommandError as error:
        why = error.message
    verdict = _verdict_since(began, evidence, site, scope)
    if verdict is not None:
        return standing_of(verdict)
    shown = one_line(ending(why, 1000))
    return Standing(
        site=site, scope=scope, outcome="BROKEN", failing=(), run="", at=datetime.now(UTC), why=shown
    )


def _verdict_since(began: datetime, evidence: Path, site: str, scope: str) -> Document | None:
    """The newest verdict on this site that began since then."""
    found: list[Document] = []
    for folder in evidence.iterdir() if evidence.is_dir() else ():
        file = folder / _VERDICT
        try:
            if RUN_ID.fullmatch(folder.name) and file.stat().st_mtime >= began.timestamp():
                found.append(read_document(file))
        except (OSError, HarnessError):
            continue
    of_ours = [
        one for one in found if (one.site, one.scope.name) == (site, scope) and one.began >= _floor(began)
    ]
    return max(of_ours, key=lambda one: one.ended, default=None)


def _floor(moment: datetime) -> datetime:
    """As a verdict has it: to the millisecond."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _last_words(stdout: str, stderr: str) -> str:
    lines = [line.strip() for line in (stderr.strip() or stdout.strip()).splitlines() if line.strip()]
    return " / ".join(lines[-4:]) or "it said nothing"
