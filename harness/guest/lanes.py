"""Experiments side by side: each lane has a clone of its own and runs its experiments one after another.

An experiment never inherits the trouble of the one before: after one that could not be carried out, or that
the clone does not come to rest from, the rest of the lane goes on in a fresh clone.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError, UnfitVmError
from harness.vm.machine import Vm

log = logging.getLogger(__name__)

Experiment = Callable[[Vm], Any]


@dataclass(frozen=True)
class Lane:
    """A VM of its own, and the named experiments to run in it, in order."""

    make: Callable[[], Vm]
    experiments: Mapping[str, Experiment]
    prepare: Experiment | None = None
    """Done to the VM before the first experiment; whatever it returns is dropped."""
    settle: Experiment | None = None
    """Waits, before every other, until the VM has come to rest after the one before."""


def sharing_clones(lanes: Sequence[Sequence[str]], *, at_once: int, after: int) -> list[list[str]]:
    """Names of experiments by clone: where not all lanes may run at once, the last one comes after another.

    Most of an experiment's time is waiting, and most of its work is making the clone.

    :param after: the lane that the last one then comes after.
    """
    found = [list(lane) for lane in lanes]
    if at_once < len([lane for lane in found if lane]):
        found[after] += found.pop()
    return [lane for lane in found if lane]


class Lanes:
    """Runs lanes side by side; :meth:`observation` waits for one experiment.

    A context manager: on the way out whatever still runs is cut short by killing its clone.
    """

    def __init__(self, *, at_once: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="lane")
        self._results: dict[str, Future[Any]] = {}
        self._lock = threading.Lock()
        self._running: list[Vm] = []
        self._closing = False
        self.timings: dict[str, float] = {}
        """Seconds from the start of its lane to the end of each experiment."""
        self.clones: dict[str, str] = {}
        """The name of the clone that each experiment is carried out in."""
        self.consoles: dict[str, str] = {}
        """What each clone showed on its console, by what was to be done in it."""
        self.left_behind: dict[str, str] = {}
        """Clones that were left for a fresh one, and why."""

    def start(self, lanes: Iterable[Lane]) -> None:
        """Start lanes; earlier ones come first where not all can run at once."""
        for lane in lanes:
            for name in lane.experiments:
                self._results[name] = Future()
            self._pool.submit(self._run, lane)

    @property
    def left(self) -> list[str]:
        """The experiments that have not ended."""
        return [name for name, result in list(self._results.items()) if not result.done()]

    def observation(self, name: str) -> Any:
        """What an experiment observed.

        :raises HarnessError: it could not be carried out, or did not end in time.
        """
        result = self._results[name]
        if not wait([result], self._timeout_s).done:
            raise HarnessError(f"experiment {name}: no end within {self._timeout_s:g} s")
        return result.result()

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closing = True
            running = list(self._running)
        with contextlib.ExitStack() as steps:  # one that cannot be removed keeps none of the others
            steps.callback(self._pool.shutdown, wait=True, cancel_futures=True)
            for vm in running:
                steps.callback(vm.kill)

    def _run(self, lane: Lane) -> None:
        left, unfit, begun = list(lane.experiments), set[str](), time.monotonic()
        while left:
            label = "+".join(left)
            try:
                vm = self._made(lane)
            except Exception as error:  # noqa: BLE001 - whatever it is, the checks that wait must hear of it
                self._fail(left, error)
                return
            self.clones.update(dict.fromkeys(left, vm.name))
            try:
                if lane.prepare:
                    lane.prepare(vm)
                self._carry_out(lane, vm, left, unfit=unfit, begun=begun)
            except Exception as error:  # noqa: BLE001 - as above; nothing was done to this clone before
                self._fail(left, error)
                return
            finally:
                self._dismiss(vm, label)

    def _carry_out(self, lane: Lane, vm: Vm, left: list[str], *, unfit: set[str], begun: float) -> None:
        """Take from what is ``left`` until a fresh clone is needed, once for each that finds one unfit."""
        first = left[0]
        while left:
            name = left[0]
            try:
                if lane.settle and name != first:
                    lane.settle(vm)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the trouble of the one before
                self.left_behind[vm.name] = f"before {name}: {error}"
                return
            try:
                seen = lane.experiments[name](vm)
            except Exception as error:  # noqa: BLE001 - as above
                if isinstance(error, UnfitVmError) and name not in unfit:
                    unfit.add(name)
                else:
                    self._fail([left.pop(0)], error)
                self.left_behind[vm.name] = f"after {name}: {error}"
                return
            self.timings[left.pop(0)] = time.monotonic() - begun
            self._results[name].set_result(seen)

    def _made(self, lane: Lane) -> Vm:
        with self._lock:
            if self._closing:
                raise HarnessError("the run is ending")
        return self._admit(lane.make())

    def _admit(self, vm: Vm) -> Vm:
        with self._lock:
            self._running.append(vm)
            if not self._closing:
                return vm
        vm.kill()
        raise HarnessError("the run is ending")

    def _dismiss(self, vm: Vm, lane: str) -> None:
        with self._lock:
            self._running.remove(vm)
        try:
            vm.kill()
            self.consoles[lane] = vm.console()
        except HarnessError as error:  # the factory destroys it once more; the observation stands
            log.warning("%s: %s", vm.name, error)

    def _fail(self, names: Sequence[str], error: Exception) -> None:
        for name in names:
            self._results[name].set_exception(error)
