"""The agent's health while a login goes on: one that is held up by its own work answers nobody."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from harness.errors import HarnessError

_PAUSE_S = 0.5


@dataclass
class Pulse:
    """What came of the requests for an agent's health."""

    asked: int = 0
    """So many, from the login's beginning to the session's end."""
    slowest_s: float = 0.0
    missed: list[str] = field(default_factory=list)
    """Those that were not answered with 200 in time."""
    lost: str = ""
    """Why it was not asked any more."""

    def take(self, answer: tuple[int, str], took_s: float) -> None:
        """One answer."""
        status, said = answer
        self.asked += 1
        self.slowest_s = max(self.slowest_s, took_s)
        if status != 200:
            self.missed.append(f"after {took_s:.1f} s: {status or said}")


@contextlib.contextmanager
def feeling_pulse(ask: Callable[[], tuple[int, str]], is_over: Callable[[], bool]) -> Iterator[Pulse]:
    """Ask for the health again and again, beside the block.

    :param ask: one request: its status and text; 0 and why where there was no answer in time.
    :param is_over: whether the session is: then its VM goes, and owes no answer.
    """
    pulse, stop = Pulse(), threading.Event()

    def beat() -> None:
        while not stop.is_set():
            began = time.monotonic()
            try:
                answer = ask()
                if answer[0] != 200 and is_over():
                    return
            except HarnessError as error:  # ours
                pulse.lost = error.message
                return
            pulse.take(answer, time.monotonic() - began)
            stop.wait(_PAUSE_S)

    thread = threading.Thread(target=beat, name="pulse", daemon=True)
    thread.start()
    try:
        yield pulse
    finally:
        stop.set()
        thread.join()
