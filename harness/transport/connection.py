"""What reaches a machine, as all that use one see it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from harness.errors import SshError


class Connection(Protocol):
    """What reaches a machine: the same few verbs with SSH or without."""

    @property
    def alias(self) -> str:
        """The name that ``ssh -F config_file`` knows the machine by; `localhost` without SSH."""

    @property
    def config_file(self) -> Path | None:
        """The generated ssh_config; None without SSH."""

    @property
    def directory(self) -> Path:
        """Private short-named directory (0700) for the sockets on our side."""

    def start(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start the program that the connection lives for: it must end when its stdin does."""

    def explain(self, said: str) -> SshError:
        """An error for what was said on stderr where the connection could not be made."""

    def start_beside(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program with pipes, as the login user, in a session of its own beside all else that the
        connection carries. It must end when its stdin does."""

    def command(self, argv: Sequence[str]) -> list[str]:
        """What runs a program there as the login user, for :func:`harness.run.run`."""

    def forward(self, target: str, local: Path | None = None) -> Path:
        """A local unix socket that leads to ``target`` as the machine sees it.

        :param target: ``tcp:127.0.0.1:5432`` or ``unix:/run/x.sock``.
        :param local: where to put the socket; default a fresh name in :attr:`directory`.
        """

    def forward_all(self, targets: Sequence[str], locals_: Sequence[Path]) -> None:
        """Several forwards at once, for the price of one."""

    def cancel(self, locals_: Sequence[Path]) -> None:
        """End forwards, and remove their sockets."""

    def close(self) -> None:
        """End the connection and everything that runs through it. Twice is no error."""
