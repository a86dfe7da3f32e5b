"""Runs ON the host, as root: the requests for sessions that other runs have on record. Python 3.9, standard
library only.

The argument is JSON: ``runs``, the folder with a folder for each run, and ``own``, our run's name. Prints
JSON: of each request its ``user``, and its ``session``, or null. What is no such note is passed over.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

_LONGEST = 64 << 10


def read(note: Path) -> Any:
    """What a note says; neither a link is followed nor a pipe waited for."""
    handle = os.open(note, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        return json.loads(file.read(_LONGEST)) if stat.S_ISREG(os.fstat(handle).st_mode) else None


def launches(runs: str, own: str) -> list[dict[str, Any]]:
    """All that others have on record now; they come and go meanwhile."""
    found = []
    for note in sorted(Path(runs).glob("acc-*/session-*.json")):
        if note.parent.name == own:
            continue
        try:
            said = read(note)
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(said, dict):
            found.append({key: said.get(key) for key in ("user", "session")})
    return found


if __name__ == "__main__":
    json.dump(launches(**json.loads(sys.argv[1])), sys.stdout)
