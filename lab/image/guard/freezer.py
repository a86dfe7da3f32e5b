"""Freezing and thawing everything but this service, PID 1 and the kernel's own threads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
EXEMPT = {"init.scope", "guard.slice"}
"""PID 1 must reap and take orders; ``guard.slice`` is where this service runs, alone."""

TIMEOUT_S = 10.0


def freeze() -> None:
    """Freeze all services; on failure all run on, and the error names what would not stop."""
    for group in _groups():
        (group / "cgroup.freeze").write_text("1")
    deadline = time.monotonic() + TIMEOUT_S
    while awake := [group.name for group in _groups() if not _is_frozen(group)]:
        if time.monotonic() > deadline:
            thaw()
            raise TimeoutError(f"not frozen within {TIMEOUT_S:g} s: {', '.join(awake)}")
        time.sleep(0.01)


def thaw() -> None:
    """Let everything run again."""
    for group in _groups():
        (group / "cgroup.freeze").write_text("0")


def _groups() -> Iterator[Path]:
    return (entry.parent for entry in ROOT.glob("*/cgroup.freeze") if entry.parent.name not in EXEMPT)


def _is_frozen(group: Path) -> bool:
    return "frozen 1" in (group / "cgroup.events").read_text()
