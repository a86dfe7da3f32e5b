"""The names of what a run makes on a host, and which process is which. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import re
from pathlib import Path

RUNS = Path("/run")
RUN_NAME = re.compile(r"acc-[0-9a-f]{6}")
DRAFT_NAME = re.compile(r"\.acc-[0-9a-f]{6}\.[0-9]+")
"""A folder that is just being made, or just being removed."""
CLONE_NAME = re.compile(r"(acc-[0-9a-f]{6})-[0-9]+")


def start_time(pid: int) -> int | None:
    """When a process started, in ticks since boot; None when there is no such process, or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def is_running(pid: int, started: object) -> bool:
    """Whether a process on record with its start time still runs: that very one, not its pid again."""
    return started is not None and start_time(pid) == started
