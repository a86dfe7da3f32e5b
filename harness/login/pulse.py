"""The agent's health while a login goes on: one that is held up by its own work answers nobody."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from harness.errors import HarnessError

_PAUSE_S = 0.5
_GRACE_S = 5.0
"""A controller may end a VM first, and say so in its session's row a moment later."""


@dataclass
class Pulse:
    """What came of the requests for an agent's health."""

    asked: int = 0
    """So many, from the login's beginning to the session's end, that were owed an answer."""
    slowest_s: float = 0.0
    missed: list[str] = field(default_factory=list)
    """Those that were not answered with 200 in time."""
    lost: str = ""
    """Why it was not asked any more, or never."""

    def take(self, took_s: float, missed: str = "") -> None:
        """One request that was owed an answer.

        :param missed: what came instead.
        """
        self.asked += 1
        self.slowest_s = max(self.slowest_s, took_s)
        if missed:
            self.missed.append(f"after {took_s:.1f} s: {missed}")


@dataclass(frozen=True)
class _Miss:
    at: float
    took_s: float
    said: str


class _Feeling:
    """Requests, the last of which may have gone to a VM that went."""

    def __init__(
        self, ask: Callable[[], tuple[int, str]], is_over: Callable[[], bool], *, grace_s: float
    ) -> None:
        self.pulse = Pulse()
        self.stop = threading.Event()
        self._ask, self._is_over, self._grace_s = ask, is_over, grace_s
        self._open: list[_Miss] = []
        """Those of which it is not known whether the session went on behind them."""

    def run(self) -> None:
        """Ask until told to stop, or until the session is over."""
        try:
            self._run()
        except HarnessError as error:  # ours
            self.pulse.lost = error.message
        except Exception as error:  # noqa: BLE001 - else it would be taken for an agent that was not asked
            self.pulse.lost = f"{type(error).__name__}: {error}"
        if not self.pulse.asked and not self.pulse.lost:
            self.pulse.lost = "the agent was not asked for its health before the session was over"

    def _run(self) -> None:
        while not self.stop.is_set():
            began = time.monotonic()
            status, said = self._ask()
            now = time.monotonic()
            if status == 200:
                self._count(self._open)
                self.pulse.take(now - began)
            else:
                self._open.append(_Miss(now, now - began, str(status or said)))
                if self._over():
                    return
            self.stop.wait(_PAUSE_S)
        while self._open and not self._over():
            time.sleep(_PAUSE_S)

    def _over(self) -> bool:
        """Whether the session is. While it is not, what was missed some time ago was owed."""
        if self._is_over():
            return True
        owed = time.monotonic() - self._grace_s
        self._count([miss for miss in self._open if miss.at <= owed])
        return False

    def _count(self, misses: list[_Miss]) -> None:
        for miss in misses:
            self.pulse.take(miss.took_s, miss.said)
        self._open = [miss for miss in self._open if miss not in misses]


@contextlib.contextmanager
def feeling_pulse(
    ask: Callable[[], tuple[int, str]], is_over: Callable[[], bool], *, grace_s: float = _GRACE_S
) -> Iterator[Pulse]:
    """Ask for the health again and again, beside the block.

    :param ask: one request: its status and text; 0 and why where there was no answer in time.
    :param is_over: whether the session is: then its VM goes, and owes no answer.
    :param grace_s: so long a VM may be gone before its session is over.
    """
    feeling = _Feeling(ask, is_over, grace_s=grace_s)
    thread = threading.Thread(target=feeling.run, name="pulse", daemon=True)
    thread.start()
    try:
        yield feeling.pulse
    finally:
        feeling.stop.set()
        thread.join()
