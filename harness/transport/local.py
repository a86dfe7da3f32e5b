"""The suite runs on the host itself: the verbs of a connection, without SSH."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import SshError
from harness.text import ending
from harness.transport.private import end_group, start_and_remove, start_with_pipes

_SHOWN = 1500  # characters
_PROGRAM_END_S = 30.0  # the program may have much to remove

# Leads to a TCP address: (address, port) -> path of a unix socket.
Relay = Callable[[str, int], Path]


class LocalConnection:
    """No connection at all. ``relay`` is set once there is a custodian to make unix sockets for TCP."""

    alias = "localhost"
    config_file: Path | None = None
    relay: Relay

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program; the directory goes when it ends."""
        self._process = start_and_remove(self.directory, argv)
        return self._process

    def start_beside(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program, with pipes."""
        return start_with_pipes(argv)

    def command(self, argv: Sequence[str]) -> list[str]:
        """What runs a program: itself."""
        return list(argv)

    def explain(self, said: str) -> SshError:
        """An error for what was said on stderr."""
        if not said or re.search(r"^sudo(-rs)?:", said, re.MULTILINE):
            what = "cannot become root on this machine, or what runs there as root was ended"
            hint = "run as root, or give this user a NOPASSWD sudo rule for python3"
        else:
            what = "what runs on this machine as root failed"
            hint = "it needs Linux and python3 3.9 or newer; its last lines say what was missing"
        return SshError(f"{what}\n  it said: {ending(said, _SHOWN) or 'nothing'}", hint=hint)

    def forward(self, target: str, local: Path | None = None) -> Path:
        """The target's own socket where it has one."""
        local = local or self.directory / f"f-{next(self._numbers)}"
        self.forward_all([target], [local])
        return local

    def forward_all(self, targets: Sequence[str], locals_: Sequence[Path]) -> None:
        """A link to each target's socket."""
        for target, local in zip(targets, locals_, strict=True):
            kind, _, rest = target.partition(":")
            address, _, port = rest.rpartition(":")
            local.symlink_to(rest if kind == "unix" else self.relay(address, int(port)))

    def cancel(self, locals_: Sequence[Path]) -> None:
        """Remove the links."""
        for local in locals_:
            local.unlink(missing_ok=True)

    def close(self) -> None:
        """End the program, if it has not ended by itself."""
        if self._process is not None and self._process.poll() is None:
            end_group(self._process, grace_s=_PROGRAM_END_S)
        shutil.rmtree(self.directory, ignore_errors=True)  # the program's parent may have been first
