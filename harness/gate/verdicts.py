"""The verdicts that lie in an evidence folder, newest or not, whole or not, and the runs without one."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from harness.errors import HarnessError, UnreadableError, UsageError
from harness.gate.decide import Reason, Told
from harness.gate.untold import Untold, untold_run
from harness.verdict.content import content_of
from harness.verdict.document import Document, document_in
from harness.verdict.runs import NOTE, RUN_ID

VERDICT = "verdict.json"

Vouched = Callable[[Path, bytes, Document], "tuple[Reason, str] | None"]
"""Why nobody who is trusted vouches for a verdict (folder, content, meaning); None: somebody does."""


def told_verdicts(root: Path, vouched: Vouched | None = None) -> tuple[list[Told], list[Untold]]:
    """All that count, and the runs of which there is none that does.

    :param vouched: asks for a signature; then it does not matter who else could have written a verdict.
    :raises UsageError: there is no such folder.
    """
    found: list[Told] = []
    untold: list[Untold] = []
    for folder in _folders(root):
        file = folder / VERDICT
        try:
            if not os.path.lexists(file):
                untold += _without_verdict(folder)
                continue
            if vouched is None:
                _refuse_others(file)
            content = _content(file)
            document = document_in(content, whose=str(file))
            refused = vouched(file.parent, content, document) if vouched else None
            found.append(Told(document, str(file), refused))
        except HarnessError as error:
            untold.append(untold_run(folder, error.message))
    return found, untold


def _without_verdict(folder: Path) -> list[Untold]:
    """One, where a run has begun in that folder."""
    if not RUN_ID.fullmatch(folder.name):
        return []
    try:
        (folder / NOTE).lstat()
    except FileNotFoundError:
        return []  # nothing of it has begun
    except OSError as error:
        return [untold_run(folder, f"{folder}: {error.strerror}")]
    return [untold_run(folder, f"{folder}: it ended without {VERDICT}")]


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(one for one in root.iterdir() if not one.is_symlink())
    except OSError as error:
        raise UsageError(
            f"no evidence in {root}: {error.strerror}", hint="--evidence-dir= the folder that runs write to"
        ) from error


def _content(file: Path) -> bytes:
    try:
        return content_of(file)
    except OSError as error:
        raise UnreadableError(f"{file}: {error.strerror}") from error


def _refuse_others(file: Path) -> None:
    """What anybody else could have written is nobody's verdict."""
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            raise UnreadableError(f"{file}: no file")
        for one in (file, file.parent):
            status = one.lstat()
            if status.st_uid not in (os.geteuid(), 0) or stat.S_IMODE(status.st_mode) & 0o022:
                raise UnreadableError(f"{one}: others may write it")
    except OSError as error:
        raise UnreadableError(f"{file}: {error.strerror}") from error
