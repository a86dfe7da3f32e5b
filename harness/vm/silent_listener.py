"""Somebody in a clone's network who takes connections and never answers: what came to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from harness.answers import read_as
from harness.values import Natural


@dataclass(frozen=True)
class SilentConnection:
    """One connection; times are in seconds since they began to listen."""

    came_s: float
    size: Natural
    """Bytes that came over it."""
    request: str
    """Method and path of the HTTP request that came over it; empty: what came, if anything, was none."""
    closed_s: float | None
    """None: it is open."""
    closed_by: str
    """Who closed it, or how it ended; empty for nobody."""


@dataclass(frozen=True)
class Silence:
    """All that came, up to a moment."""

    count: Natural
    """How many connections; of very many, only the newest are told."""
    now_s: float
    connections: tuple[SilentConnection, ...]

    def open_for(self, seconds: float) -> list[SilentConnection]:
        """Those over which something was asked so long ago, and that are open still."""
        return [
            one
            for one in self.connections
            if one.size and one.closed_s is None and self.now_s - one.came_s > seconds
        ]


class SilentListener:
    """Listens until it is closed; a context manager.

    :param ask: asks the custodian about the clone.
    :param address: an address of the host's end of its network.
    """

    def __init__(self, ask: Callable[..., Any], address: str, port: int) -> None:
        self._ask = ask
        self.address = address
        self.port = int(ask("listen", address=address, port=port)["port"])

    def heard(self) -> Silence:
        """What came so far.

        :raises TransportError: it cannot be told.
        """
        answer = self._ask("accepted", port=self.port)
        return read_as(Silence, answer, whose="what the custodian says of a silent listener")

    def close(self) -> None:
        """Stop listening and drop what it holds."""
        self._ask("unlisten", port=self.port)

    def __enter__(self) -> SilentListener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
