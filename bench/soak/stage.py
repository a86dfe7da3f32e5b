"""The running lab as the stage of a soak."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.soak.account import Run, Strike
from bench.soak.course import STRUCK
from bench.soak.load import load
from bench.soak.looking import look
from bench.soak.plan import Scope, Turn, Victim
from bench.soak.seen import Seen
from bench.soak.striking import strike
from bench.soak.suite import Suite, started
from harness.errors import CommandError, TransportError
from harness.site.load import load_site
from harness.wait import last_answer, wait_until
from lab.minipc import access, record, twin
from lab.minipc.host import Host
from lab.paths import LabPaths

STABLE_S = 20
"""The controller of the lab comes back whole: it counts as stable after so long, in place of ten minutes."""
_COMES_BACK_S = 180.0
_SETTLES_S = 120.0
_LOOK_EVERY_S = 3.0
_MICROSECONDS = 1e6


class LabStage:
    """Runs are kept in a folder; of those that passed nothing stays there.

    :param temporary: a folder for what runs put where it is to go with them.
    """

    def __init__(self, paths: LabPaths, folder: Path, temporary: Path) -> None:
        self._paths, self._folder, self._temporary = paths, folder, temporary
        self._host: Host = twin.running(paths)
        self._profile = folder / "site.toml"
        self._profile.write_text(f'extends = "{paths.site}"\n[controller]\nstable_s = {STABLE_S}\n')
        self._site = load_site(self._profile)
        self._suites: set[int] = set()
        self._reaped: set[str] = set()

    def run(self, turn: Turn) -> Run:
        """A run that must PASS."""
        burden = load(self._paths.home) if turn.loaded else contextlib.nullcontext()
        with burden, self._started(turn.scope, self._folder_of(turn)) as suite:
            result = suite.result()
        if result.outcome == "PASS":
            for folder in (self._folder_of(turn), self._folder_of(turn, struck=True)):
                shutil.rmtree(folder, ignore_errors=True)
        return result

    def strike(self, turn: Turn, after_s: float) -> tuple[Strike | None, float]:
        """A run in which somebody is killed."""
        assert turn.victim  # noqa: S101 - or there is nothing to strike
        with self._started(STRUCK, self._folder_of(turn, struck=True)) as suite:
            suite.ends_within(after_s)
            pid, at_s = strike(self._host, self._site.controller.unit, suite, turn.victim), suite.seconds
            ended = suite.result()
        if pid is None:
            return None, ended.seconds
        if turn.victim is Victim.CONTROLLER:
            self._await_controller()
        return Strike(pid=pid, after_s=at_s, outcome=ended.outcome), ended.seconds

    def look(self, known: Callable[[Seen], object]) -> Seen:
        """How all is once nothing is left, or once it is plain that it stays."""
        return last_answer(
            self._look, until=lambda seen: not known(seen), timeout_s=_SETTLES_S, interval_s=_LOOK_EVERY_S
        )

    def _look(self) -> Seen:
        booted = record.read(self._paths)
        host_is = f"{booted.leader.pid} {booted.leader.started}" if booted else ""
        seen = look(self._host, host_is, self._site, self._suites, self._temporary)
        self._reaped |= seen.reaped  # it is gone by our own doing, and was left for all that
        return seen.model_copy(update={"reaped": frozenset(self._reaped)})

    def _folder_of(self, turn: Turn, *, struck: bool = False) -> Path:
        return self._folder / (f"{turn.number:04}-struck" if struck else f"{turn.number:04}")

    @contextlib.contextmanager
    def _started(self, scope: Scope, folder: Path) -> Iterator[Suite]:
        if folder.exists():  # of a turn that was cut off, or a run that was over too soon
            shutil.rmtree(folder)
        with started(self._profile, scope, folder, self._temporary) as suite:
            self._suites.add(suite.process.pid)
            yield suite

    def _await_controller(self) -> None:
        """An operator does not ask before it counts as stable, either."""
        wait_until(
            self._controller_runs_s,
            what="the controller to be stable again",
            timeout_s=_COMES_BACK_S,
            interval_s=1.0,
            until=lambda seconds: seconds > STABLE_S,
            retry_on=(CommandError, TransportError, ValueError),
        )

    def _controller_runs_s(self) -> float:
        unit = self._site.controller.unit
        shown = ("systemctl", "show", "--property=ActiveState,ActiveEnterTimestampMonotonic", unit)
        said = dict(line.split("=", 1) for line in access.ask(self._host, *shown).stdout.splitlines())
        up_s = float(access.ask(self._host, "cat", "/proc/uptime").stdout.split()[0])
        since_s = int(said["ActiveEnterTimestampMonotonic"]) / _MICROSECONDS
        return up_s - since_s if said["ActiveState"] == "active" else 0.0
