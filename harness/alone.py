"""A folder that only one of us may write to at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UsageError
from harness.whole import private_folder


@contextlib.contextmanager
def alone(file: Path, *, other: str) -> Iterator[int]:
    """A descriptor that only one process can hold, and those that it is given to; it is free when they have
    ended, however they did.

    :param other: what it is that goes on where somebody else holds it.
    :raises UsageError: somebody else does, or nothing can be written or locked there.
    """
    try:
        private_folder(file.parent)
        held = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", hint="--evidence-dir=DIR") from error
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"{other}: {file} is held",
                hint="end it first, or give this one a folder of its own: --evidence-dir=DIR",
            ) from error
        except OSError as error:
            raise UsageError(
                f"{file} cannot be locked: {error.strerror}",
                hint="a folder on a file system that can: --evidence-dir=DIR",
            ) from error
        yield held
    finally:
        os.close(held)
