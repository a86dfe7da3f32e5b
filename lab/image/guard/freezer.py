"""Freezing and thawing everything but this service, PID 1 and the kernel's own threads."""

from __future__ import annotations

import os
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
EXEMPT = {"init.scope", "guard.slice"}
"""PID 1 must reap and take orders; ``guard.slice`` is where this service runs, alone."""

TIMEOUT_S = 10.0


class Freezer:
    """The other services' control groups, opened beforehand: a restored clone must not wait for look-ups."""

    def __init__(self) -> None:
        found = (entry.parent for entry in ROOT.glob("*/cgroup.freeze"))
        self._groups = [group for group in found if group.name not in EXEMPT]
        self._switches = [os.open(group / "cgroup.freeze", os.O_WRONLY) for group in self._groups]

    def freeze(self) -> None:
        """Freeze all services; on failure all run on, and the error names what would not stop."""
        self._switch(b"1")
        deadline = time.monotonic() + TIMEOUT_S
        while awake := [group.name for group in self._groups if not _is_frozen(group)]:
            if time.monotonic() > deadline:
                self.thaw()
                raise TimeoutError(f"not frozen within {TIMEOUT_S:g} s: {', '.join(awake)}")
            time.sleep(0.01)

    def thaw(self) -> None:
        """Let everything run again."""
        self._switch(b"0")

    def _switch(self, state: bytes) -> None:
        for switch in self._switches:
            os.write(switch, state)


def _is_frozen(group: Path) -> bool:
    return "frozen 1" in (group / "cgroup.events").read_text()
