"""A run of which there is no verdict that counts, by what its note says of it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.verdict.runs import LARGEST_NOTE, NOTE


@dataclass(frozen=True)
class Untold:
    """A run of which there is no verdict that counts."""

    why: str
    began: datetime
    """As it says; where it does not, when its files were last written."""
    site: str | None = None
    """Of which it was; None: that is not known."""
    goes_on: bool = False
    candidate: str | None = ""
    """The folder of the snapshot that it judged, where that was not the golden one; None: not known."""

    def may_be_of(self, site: str, candidate: str) -> bool:
        """Whether nothing that is known of it says that it was of another snapshot."""
        if self.site not in (None, site):
            return False
        return self.candidate is None or _place(self.candidate) == _place(candidate)


def untold_run(folder: Path, why: str) -> Untold:
    """The run whose folder it is, and why nothing is known of how it ended."""
    note, goes_on = _note(folder)
    return Untold(
        f"{folder}: it goes on" if goes_on else why,
        _moment(note.get("began")) or _written(folder),
        _word(note, "site"),
        goes_on,
        _word(note, "candidate"),
    )


def _word(note: Mapping[str, Any], key: str) -> str | None:
    said = note.get(key)
    return said if isinstance(said, str) else None


def _place(folder: str) -> str:
    """A folder, however it was typed; where its links lead is known to the host alone."""
    return posixpath.normpath(f"/{folder.lstrip('/')}") if folder else ""


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
