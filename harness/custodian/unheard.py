"""Launches of which it is not known what came, of this run and of dead ones. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from harness.custodian import reaper, sessions
from harness.custodian.launches import sessions_on_record, unsettled


def unheard(own: Path) -> dict[str, Any]:
    """All that whoever has the database needs to look for what came of them.

    ``launches``, each with ``note``, ``user``, ``asked``, ``limit_s`` and ``ended``; ``known``, sessions that
    a run owns; ``busy``, users with a launch under way; ``now``, this host's time.

    :param own: the directory of the run that asks.
    """
    launches, known, busy, dead = [], [], [], reaper.dead_runs()
    for directory in reaper.runs():
        known += sessions_on_record(directory)
        for note, launch in unsettled(directory).items():
            if launch.heard is None and directory not in dead:
                busy.append(launch.user)
            elif directory in dead or directory == own:
                said = {"user": launch.user, "asked": launch.asked, "limit_s": launch.limit_s}
                launches.append({"note": str(note), **said, "ended": launch.ended})
    return {"launches": launches, "known": known, "busy": busy, "now": time.time()}


def settle(own: Path, note: str, found: list[str]) -> list[str]:
    """Own and cancel the sessions that came of one of them; a line for each.

    :raises notes.Unreadable: its note went bad just now.
    """
    if note not in [launch["note"] for launch in unheard(own)["launches"]]:
        return []  # another run has settled it meanwhile
    return sessions.settle(Path(note), found)
