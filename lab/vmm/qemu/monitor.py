"""QEMU's QMP monitor, driven by ``qemu.qmp`` from a program that is not asynchronous.

``qemu.qmp`` needs asyncio, whose import takes as long as QEMU takes to start: so both happen at once, and
nothing of asyncio is imported before there is a QEMU. Its event loop is run only while a command waits;
``fileno`` tells the caller's own loop when there is something to ``pump``.
"""

import selectors
import socket
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from lab.vmm.faults import Fault

T = TypeVar("T")
EventHandler = Callable[[str, dict[str, Any]], None]
PUMP_ROUNDS = 16  # from the socket's bytes to the event's queue takes asyncio a handful of rounds


class MonitorError(Fault):
    """QEMU refused a command, or went away while we waited."""


class Monitor:
    """One QMP connection."""

    def __init__(self, sock: socket.socket, *, timeout: float = 20.0) -> None:
        """Connect over ``sock`` and negotiate; QEMU may still be starting."""
        import asyncio

        from qemu.qmp import QMPClient

        self._selector = selectors.EpollSelector()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._client = QMPClient("firecracker")
        self._sleep = asyncio.sleep
        self._wait_for = asyncio.wait_for
        self._timeout = timeout
        try:
            self._run(self._client.connect(sock))
        except MonitorError:
            self._loop.close()
            raise

    def fileno(self) -> int:
        """Readable when QEMU has said something."""
        return self._selector.fileno()

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run one command; names may use ``_`` for QMP's ``-``."""
        fixed = {name.replace("_", "-"): value for name, value in arguments.items()}
        return self._run(self._client.execute(command, fixed or None))

    def wait(self, event: str, **data: Any) -> None:
        """Wait until QEMU reports ``event`` with this data; other events before it are of no interest."""
        while True:
            name, seen = _event(self._run(self._client.events.get()))
            if name == event and data.items() <= seen.items():
                return
            if name == event and seen.get("status") == "failed":
                raise MonitorError("QEMU could not load the device state")

    def pump(self, on_event: EventHandler) -> None:
        """Let asyncio read what is there, and hand over the events; several may have come in one piece."""
        while True:
            for _ in range(PUMP_ROUNDS):
                self._loop.run_until_complete(self._sleep(0))
            if self._client.events.empty():
                return
            self.hand_over(on_event)

    def hand_over(self, on_event: EventHandler) -> None:
        """Hand over the events that came in while a command was waited for."""
        while not self._client.events.empty():
            on_event(*_event(self._loop.run_until_complete(self._client.events.get())))

    def _run(self, work: Awaitable[T]) -> T:
        try:
            return self._loop.run_until_complete(self._wait_for(work, self._timeout))
        except TimeoutError:
            raise MonitorError(f"QEMU has not answered within {self._timeout:.0f} s") from None
        except Exception as error:  # qemu.qmp has no one root for "refused", "gone" and "garbled"
            raise MonitorError(f"QEMU: {str(error) or type(error).__name__}") from error


def _event(message: Any) -> tuple[str, dict[str, Any]]:
    return str(message["event"]), dict(message.get("data", {}))
