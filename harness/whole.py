"""A file that is written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

PRIVATE = 0o600
"""The mode of a file that nobody else may read; its folder has ``0o700``. Whatever the umask is."""
NEW = ".new"
"""How the hidden name of a file ends that is being written: it may be left where a run was killed."""


def private_folder(folder: Path) -> None:
    """Make a folder that only we can enter, and those above it; one that is there stays as it is."""
    if folder.is_dir():
        return
    private_folder(folder.parent)
    with contextlib.suppress(FileExistsError):  # somebody was quicker, or a file is in its place
        folder.mkdir(0o700)
        folder.chmod(0o700)


def write_whole(path: Path, content: bytes, *, mode: int | None = PRIVATE) -> None:
    """Have ``path`` hold this content, or what it held before.

    :raises OSError: it could not be written.
    """
    with whole(path, mode=mode) as fresh:
        fresh.write_bytes(content)


@contextlib.contextmanager
def whole(path: Path, *, mode: int | None) -> Iterator[Path]:
    """A file beside ``path`` to write to: it takes the place of ``path`` when the block ends well.

    What is no file, such as ``/dev/stdout``, has no place to be taken, and is written to itself.

    :param mode: of the file; None for what the umask leaves, or an older file at ``path`` had.
    """
    older = _stat(path)
    if older and not stat.S_ISREG(older.st_mode):
        yield path
        return
    place = Path(os.path.realpath(path))  # a link stays a link
    fresh = place.with_name(f".{secrets.token_hex(6)}{NEW}")
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode or 0o666))
    try:
        if mode is None and older:
            mode = stat.S_IMODE(older.st_mode)
        if mode is not None:
            fresh.chmod(mode)
        yield fresh
        fresh.replace(place)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def leave_none(path: Path) -> None:
    """An earlier run's would be read as this one's; where its folder is not ours, it is emptied."""
    if not path.is_file():
        return
    try:
        path.unlink()
    except OSError:
        with contextlib.suppress(OSError):
            path.write_bytes(b"")


def _stat(path: Path) -> os.stat_result | None:
    with contextlib.suppress(FileNotFoundError):
        return path.stat()
    return None
