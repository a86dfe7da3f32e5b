"""Waiting for a moment at which a snapshot is worth taking.

What is half done in a snapshot is done again in every clone: a browser that is still starting would burn
processor time and memory there, and no TCP connection outlives the snapshot.
"""

from __future__ import annotations

import time
from pathlib import Path

IDLE = 0.85
LOOK_S = 1.0
_ESTABLISHED = "01"


def wait_quiet(*, timeout_s: float) -> bool:
    """Wait until nobody is connected and the processors idle; False if that never came, which only costs."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if _idle_share(LOOK_S) >= IDLE and not _has_connections():
            return True
    return False


def _idle_share(seconds: float) -> float:
    """The part of all processors' time, from now on, in which they had nothing to do."""
    before = _ticks()
    time.sleep(seconds)
    passed = [now - then for now, then in zip(_ticks(), before, strict=True)]
    return (passed[3] + passed[4]) / (sum(passed) or 1)


def _ticks() -> list[int]:
    """User, nice, system, idle, iowait, ..., as /proc/stat has them in its first line."""
    with Path("/proc/stat").open() as table:
        return [int(word) for word in table.readline().split()[1:]]


def _has_connections() -> bool:
    rows = [row.split() for table in ("tcp", "tcp6") for row in _table(table)]
    return any(row[3] == _ESTABLISHED and not _is_loopback(row[1]) for row in rows)


def _table(name: str) -> list[str]:
    return Path("/proc/net", name).read_text().splitlines()[1:]


def _is_loopback(endpoint: str) -> bool:
    # The kernel prints words in its own byte order: 127.0.0.1 is 0100007F, ::1 ends in 01000000.
    host = endpoint.partition(":")[0]
    return host.endswith("7F") or host == "0" * 24 + "01000000"
