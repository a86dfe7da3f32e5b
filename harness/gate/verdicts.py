"""The verdicts that lie in an evidence folder, newest or not, whole or not."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from harness.errors import HarnessError, UnreadableError, UsageError
from harness.gate.decide import Told
from harness.verdict.document import read_document

VERDICT = "verdict.json"


def told_verdicts(root: Path, *, anybodys: bool = False) -> tuple[list[Told], list[str]]:
    """All that can be read, and a line for each that cannot.

    :param anybodys: also what others could have written; somebody else vouches for it then.
    :raises UsageError: there is no such folder.
    """
    found: list[Told] = []
    unread: list[str] = []
    for file in _files(root):
        try:
            if not anybodys:
                _refuse_others(file)
            found.append(Told(read_document(file), str(file)))
        except HarnessError as error:
            unread.append(error.message)
    return found, unread


def _files(root: Path) -> Iterator[Path]:
    try:
        folders = sorted(one for one in root.iterdir() if not one.is_symlink())
    except OSError as error:
        raise UsageError(
            f"no evidence in {root}: {error.strerror}", hint="--evidence-dir= the folder that runs write to"
        ) from error
    yield from (folder / VERDICT for folder in folders if os.path.lexists(folder / VERDICT))


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
