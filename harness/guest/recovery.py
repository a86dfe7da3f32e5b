"""An agent's recovery: waited for until it is healthy, its time is over, or systemd has given its unit up."""

from __future__ import annotations

import contextlib
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx

from harness.errors import HarnessError, WaitTimeoutError
from harness.guest.agent_state import answers
from harness.vm.machine import Vm
from harness.wait import capped, wait_until

REQUEST_S = 5.0
_POLL_S = 0.1
_LOOK_EACH_S = 4.0  # asking starts a program, which an emulated guest takes long for
_LOOK_S = 30.0
_LOOKS = 2
"""A state that is to stay is looked at more than once."""
_PROPERTIES = ("ActiveState", "SubState", "Result")
_STARTED_BY = ("Job", "OnFailure", "OnSuccess", "TriggeredBy")
"""What may start a unit again that has ended: it is no end where one of them says anything."""


@dataclass(frozen=True)
class Recovery:
    """What came of a wait for an agent."""

    seconds: float | None
    """How long it took; None: it did not get healthy, or too late."""
    given_up: str = ""
    """What systemd says of a unit that nothing starts again: then the wait was not gone through with."""

    def told(self, limit_s: float) -> str:
        """Why it was none, for a message."""
        if self.given_up:
            return f"systemd has given it up ({self.given_up}), and nothing starts it again"
        return f"not healthy within {limit_s:g} s (guest.recovery_s)"


def recovery(vm: Vm) -> Recovery:
    """Wait for the agent to be healthy, from now. An answer to a look that began in time may be too late."""
    limit_s, begun = vm.hypervisor.site.guest.recovery_s, time.monotonic()
    deadline = begun + limit_s

    def is_healthy() -> bool:
        return answers(vm, timeout_s=capped(REQUEST_S, deadline))

    with _watching(vm) as watch:
        is_over = within(limit_s, lambda: watch.given_up or is_healthy())
        # One more look: somebody may start it whom systemd does not know.
        healthy = is_over and (not watch.given_up or within(0, is_healthy))
        seconds = time.monotonic() - begun
    in_time = healthy and seconds <= limit_s
    return Recovery(seconds if in_time else None, "" if in_time else watch.given_up)


def within(timeout_s: float, ask: Callable[[], object]) -> bool:
    """Whether that is so, of an agent that may take its time to answer, before the time is over."""
    try:
        wait_until(ask, what="", timeout_s=timeout_s, interval_s=_POLL_S, retry_on=(httpx.TimeoutException,))
    except WaitTimeoutError:
        return False
    return True


def given_up(said: str) -> str:
    """What ``systemctl show`` says of a unit, where nothing starts it again; else empty.

    A unit that waits for its restart is ``activating``, and one that is to be started by hand has a job.
    """
    pairs = (line.partition("=") for line in said.split("\n"))
    told = {key: value.strip() for key, equals, value in pairs if equals}
    if told.get("ActiveState") not in ("failed", "inactive"):
        return ""
    if any(told.get(key, "") not in ("", "0") for key in _STARTED_BY):
        return ""
    return ", ".join(f"{key}={told[key]}" for key in _PROPERTIES if key in told)


@dataclass
class _Watch:
    """Looks at a unit beside a wait, each in its own time: a slow look keeps nobody from being healthy."""

    vm: Vm
    given_up: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Look until told to stop, or until the unit was seen to be given up."""
        unit = shlex.quote(self.vm.hypervisor.site.agent.unit)
        question = f"systemctl show --no-pager -p {','.join((*_PROPERTIES, *_STARTED_BY))} {unit}"
        looks = 0
        while not self.stop.wait(_LOOK_EACH_S):
            with contextlib.suppress(HarnessError):  # a guest that cannot be asked has told nothing
                told = given_up(self.vm.script(question, timeout_s=_LOOK_S).stdout)
                looks = looks + 1 if told else 0
                if looks == _LOOKS:
                    self.given_up = told
                    return


@contextlib.contextmanager
def _watching(vm: Vm) -> Iterator[_Watch]:
    watch = _Watch(vm)
    thread = threading.Thread(target=watch.run, name=f"{vm.name} unit", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop.set()
        thread.join()
