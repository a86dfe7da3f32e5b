"""What a run's file holds. Reading it waits for nobody, whatever lies in its place."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_LARGEST = 64 << 20


def content_of(path: Path, *, follow: bool = False) -> bytes:
    """Its content, cut a byte after the most that a run's file may have.

    :param follow: a link is as good as what it leads to.
    :raises OSError: there is none, or something else than a file.
    """
    links = 0 if follow else os.O_NOFOLLOW
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | links)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(_LARGEST + 1)
    finally:
        os.close(descriptor)
