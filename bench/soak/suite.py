"""One run of the suite as a process of its own, which can be killed, and is not left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.soak.account import Run
from bench.soak.plan import Scope
from harness.busy import between, stand_here
from harness.errors import HarnessError
from harness.suite import ROOT
from harness.suite_run import FAREWELL_S
from harness.text import ending, one_line
from harness.verdict.document import Document, read_document
from harness.verdict.runs import RUN_ID

LONGEST_S = 3600.0
"""A run that takes longer hangs, whatever was killed under it."""
NO_VERDICT = "no verdict"
_KILLED_S = 30.0
_SAID = 1000
_ENDS_WITH_US = ("setpriv", "--pdeathsig=TERM", "--")
"""Should we be killed, the run is asked to end: whoever goes on with the soak is to find the lab at rest."""
_PASSING = ("PASS", "n/a", "WAIVED", "ADVISORY")


class Suite:
    """A run that goes on."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self._folder = folder
        self._began, self._stood = time.monotonic(), stand_here()

    @property
    def run_id(self) -> str | None:
        """What marks all it makes; none as long as it has not made its folder."""
        folders = self._evidence.iterdir() if self._evidence.is_dir() else ()
        return next((one.name for one in folders if RUN_ID.fullmatch(one.name)), None)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end for so long at most; whether it came."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, seconds))
            return True
        return False

    def kill(self) -> bool:
        """SIGKILL to the suite's process alone; whether it still ran."""
        if self.process.poll() is not None:
            return False
        self.process.kill()
        self.process.wait(_KILLED_S)
        return self.process.returncode == -signal.SIGKILL

    def result(self) -> Run:
        """Wait for its end, and read what it came to."""
        hung = not self.ends_within(LONGEST_S - self.seconds)
        red: tuple[str, ...] = ()
        seconds, pressure = self.seconds, dict(between(self._stood, stand_here()).pressure)
        outcome, why = NO_VERDICT, f"not over after {LONGEST_S:g} s" if hung else self._last_words()
        with contextlib.suppress(HarnessError, OSError):
            verdict = read_document(self._evidence / (self.run_id or "none") / "verdict.json")
            outcome, red = verdict.outcome, _red(verdict)
            if hung or (outcome == "PASS" and self.process.returncode != 0):
                outcome = f"{outcome}, and {why}"
        if outcome == "PASS":
            return Run(outcome=outcome, seconds=seconds, pressure=pressure)
        return Run(
            outcome=outcome, seconds=seconds, red=red, why=why, evidence=str(self._folder), pressure=pressure
        )

    @property
    def _evidence(self) -> Path:
        return self._folder / "evidence"

    def _last_words(self) -> str:
        said = (self._folder / "output").read_text("utf-8", "replace")
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        status = self.process.returncode
        return one_line(ending(f"exit status {status}: {' / '.join(lines[-4:]) or 'it said nothing'}", _SAID))


@contextlib.contextmanager
def started(profile: Path, scope: Scope, folder: Path, temporary: Path) -> Iterator[Suite]:
    """A run that has begun. It is over at the end of the block: asked to end, and then killed.

    :param folder: a new one, for what the run says.
    :param temporary: where the run and what it starts put what is to go with them.
    """
    folder.mkdir(parents=True)
    argv = [*_ENDS_WITH_US, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", scope]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [*argv, f"--site={profile}", f"--evidence-dir={folder / 'evidence'}"],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Suite(process, folder)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(FAREWELL_S)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also where whoever interrupts us does not wait
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(_KILLED_S)


def _red(verdict: Document) -> tuple[str, ...]:
    """The checks that did not pass, those first that are behind no other; then what else went wrong."""
    red = sorted((one for one in verdict.checks if one.outcome not in _PASSING), key=lambda one: one.behind)
    checks = [f"{one.name} {one.outcome}{f' behind {one.behind}' if one.behind else ''}" for one in red]
    return *checks, *(one_line(f"{one.outcome}: {one.text}") for one in verdict.trouble)
