"""A file that the operator named, read whole or refused: never a device, a pipe, or more than is wanted."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from harness.text import one_line

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


class CannotReadError(Exception):
    """Why a file cannot be read; the text says it in a few words, without the file's name."""


def shown(path: Path) -> str:
    """A path as a message may have it."""
    text = one_line(str(path))
    return text if len(text) <= 300 else f"{text[:300]}…"


def read_text(path: Path, *, limit: int, private: bool = False) -> str:
    """The text of a file of at most ``limit`` bytes. Opening it waits for nobody.

    :param private: only its owner may be able to read it.
    :raises CannotReadError: there is none, it is no file, too long, not UTF-8, or open to others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            _refuse_other_than_files(os.fstat(descriptor), private=private)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(limit + 1) or b""
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:  # a path with a NUL
        raise CannotReadError(getattr(error, "strerror", None) or "not a path") from None
    if len(content) > limit:
        raise CannotReadError(f"over {limit >> 10} KiB, and more is not read")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CannotReadError(f"not UTF-8: byte {error.start + 1} is none of it") from None


def _refuse_other_than_files(found: os.stat_result, *, private: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise CannotReadError(f"{_KINDS.get(stat.S_IFMT(found.st_mode), 'something else')}, not a file")
    if private and found.st_mode & 0o077:
        raise CannotReadError("can be read by others")
