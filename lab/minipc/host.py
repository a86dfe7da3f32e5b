"""The lab's host as it runs now, of whichever kind: what asks, breaks or judges it goes by this."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from harness.errors import HarnessError


class HostError(HarnessError):
    """The host did not come up."""


class Host(Protocol):
    """A running host, of either kind."""

    @property
    def told(self) -> str:
        """By what it is known on this machine."""

    @property
    def patience(self) -> int:
        """How many times as long as the twin it may take for anything."""

    @property
    def look_s(self) -> float:
        """Seconds between two questions while it starts: each costs it some of what it starts with."""

    def inside(self, words: Sequence[str | Path]) -> list[str | Path]:
        """The command that runs ``words`` in it as root."""

    def terminal(self, words: Sequence[str | Path]) -> list[str | Path]:
        """The same, for a person at a terminal."""

    def door(self, port: int, address: str = "127.0.0.1") -> str:
        """The command line whose standard input and output are a connection from it to a port."""
