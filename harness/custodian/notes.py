"""Notes that a run leaves beside what it makes: written whole, read as if anybody had written them.

Part of the custodian. Sent to the host: standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import Any

_LONGEST = 64 << 10


class Unreadable(Exception):  # noqa: N818 - it reads as what happened
    """No note of ours is there; the text says what is."""


def write(note: Path, content: dict[str, Any]) -> None:
    """Whole or not at all: a kill, and the end of a disk, may come at any moment.

    :raises OSError: it could not be written; what was there before still is.
    """
    draft = draft_of(note)
    try:
        draft.write_text(json.dumps(content))
        draft.rename(note)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def draft_of(note: Path) -> Path:
    """Where a note is written before it is there."""
    return note.with_name(f".{note.name}")


def read(note: Path) -> dict[str, Any]:
    """What a note says. Neither a link is followed nor a pipe waited for.

    :raises Unreadable: there is none, or it is no JSON object.
    """
    try:
        handle = os.open(note, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise Unreadable(f"{note.name} is no file")
            found = json.loads(file.read(_LONGEST))
    except OSError as error:
        raise Unreadable(f"{note.name}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{note.name} is no note: it holds no JSON") from error
    if not isinstance(found, dict):
        raise Unreadable(f"{note.name} is no note: it holds no JSON object")
    return found
