"""One run of the suite in a process of its own, and the verdict that it came to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import CommandError, HarnessError
from harness.run import run
from harness.suite import ROOT
from harness.text import ending, one_line
from harness.verdict.document import Document, read_document
from harness.verdict.runs import RUN_ID

RUN_S = 4 * 3600.0
"""A run that takes longer is interrupted."""
FAREWELL_S = 120.0
"""What a run has to leave nothing behind, once it was interrupted."""
_VERDICT = "verdict.json"


@dataclass(frozen=True)
class SuiteRun:
    """What became of a run."""

    verdict: Document | None
    why: str
    """Why it came to none."""
    output: str
    """What it printed."""


def run_suite(
    profile: Path,
    scope: str,
    evidence: Path,
    *,
    of_site: Callable[[Document], bool],
    words: Sequence[str] = (),
    held: Sequence[int] = (),
    within: Sequence[str] = (),
) -> SuiteRun:
    """Run the suite on a site.

    :param of_site: whether a verdict in the folder is on this site: runs may share it.
    :param words: further options of the run.
    :param held: descriptors that a run holds on to that outlives us.
    :param within: a program, and its words, that starts the run.
    """
    began, output, well = datetime.now(UTC), "", False
    argv = [*within, sys.executable, "-m", "pytest", "-m", scope, f"--site={profile}"]
    try:
        done = run(
            [*argv, f"--evidence-dir={evidence}", "-q", *words],
            timeout_s=RUN_S,
            farewell_s=FAREWELL_S,
            check=False,
            cwd=ROOT,
            env=os.environ,
            held=held,
        )
        output = done.stdout + done.stderr
        well = done.status == 0
        why = f"exit status {done.status}: {_last_words(done.stdout, done.stderr)}"
    except CommandError as error:
        why = error.message
    verdict = _verdict_since(began, evidence, lambda one: one.scope.name == scope and of_site(one))
    why = one_line(ending(why, 1000))
    if verdict is not None and verdict.exit_status == 0 and not well:  # what came after it, nobody saw
        return SuiteRun(None, f"its verdict is {verdict.outcome}, and it did not end so: {why}", output)
    return SuiteRun(verdict, why, output)


def _verdict_since(began: datetime, evidence: Path, is_of: Callable[[Document], bool]) -> Document | None:
    """The newest such verdict that began since then."""
    found: list[Document] = []
    for folder in evidence.iterdir() if evidence.is_dir() else ():
        file = folder / _VERDICT
        try:
            if RUN_ID.fullmatch(folder.name) and file.stat().st_mtime >= began.timestamp():
                found.append(read_document(file))
        except (OSError, HarnessError):
            continue
    since = began.replace(microsecond=began.microsecond // 1000 * 1000)  # as a verdict has it
    return max((one for one in found if one.began >= since and is_of(one)), key=_ended, default=None)


def _ended(verdict: Document) -> datetime:
    return verdict.ended


def _last_words(stdout: str, stderr: str) -> str:
    lines = [line.strip() for line in (stderr.strip() or stdout.strip()).splitlines() if line.strip()]
    return " / ".join(lines[-4:]) or "it said nothing"
