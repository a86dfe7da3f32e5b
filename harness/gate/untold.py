"""A run of which there is no verdict that counts, by what its note says of it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.gate.decide import Untold
from harness.verdict.runs import LARGEST_NOTE, NOTE


def untold_run(folder: Path, why: str) -> Untold:
    """The run whose folder it is, and why nothing is known of how it ended."""
    note, goes_on = _note(folder)
    site, candidate = note.get("site"), note.get("candidate")
    return Untold(
        f"{folder}: it goes on" if goes_on else why,
        _moment(note.get("began")) or _written(folder),
        site if isinstance(site, str) else None,
        goes_on,
        candidate if isinstance(candidate, str) else "",
    )


def _note(folder: Path) -> tuple[Mapping[str, Any], bool]:
    """What it says, nothing where it cannot be read; and whether its run holds it still."""
    try:
        note = os.open(folder / NOTE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return {}, False
    try:
        said = _said(note)
        try:
            fcntl.flock(note, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return said, True
        except OSError:  # no such locks here
            return said, False
        return said, False
    finally:
        os.close(note)


def _said(note: int) -> Mapping[str, Any]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        said = json.loads(os.read(note, LARGEST_NOTE))
        if isinstance(said, dict):
            return said
    return {}


def _moment(text: object) -> datetime | None:
    """None where it is none in a zone that is known."""
    with contextlib.suppress(TypeError, ValueError):
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type]
        return moment if moment.tzinfo else None
    return None


def _written(folder: Path) -> datetime:
    """When the newest of its files was."""
    newest = 0.0
    for one in (folder, folder / NOTE, folder / "verdict.json"):
        with contextlib.suppress(OSError):
            newest = max(newest, one.lstat().st_mtime)
    return datetime.fromtimestamp(newest, UTC)
