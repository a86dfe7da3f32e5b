"""Logs that somebody else writes, kept to their newest part while they grow. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. A clone's console and its VMM's log lie in the
host's memory, and whoever writes them must never wait for a reader: so the oldest is cut out of the file
itself, as a hole before what is kept.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

KEPT = 4 << 20
"""Bytes of a log that are kept; it may be twice as long for a moment."""
DROPPED = "[here the oldest {} bytes were dropped]"
"""The line that then stands in their place."""

_LINES = 8
"""So many are told at most in a message."""
_OF_REQUESTS = re.compile(
    r"The API server received an? |The request was executed successfully|API request took \d+ us"
)
"""What Firecracker logs of each request that went well."""

_PUNCH_HOLE_KEEP_SIZE = 0x03
_PAGE = 4096

_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = getattr(_libc, "fallocate64", None) or _libc.fallocate
_fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong]


class Log:
    """A file that grows under another's hand, and need not be there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begins = 0  # before that, there is nothing any more
        self._lost = 0  # bytes that were in a file that began anew

    def trim(self) -> None:
        """Drop the oldest, if there is much."""
        with self._opened(os.O_RDWR) as handle:
            if handle is None:
                return
            size = os.fstat(handle).st_size
            if size - self._begins <= 2 * KEPT:
                return
            begins = (size - KEPT) // _PAGE * _PAGE
            if _fallocate(handle, _PUNCH_HOLE_KEEP_SIZE, 0, begins) == 0:
                self._begins = begins
            else:  # a file system without holes
                os.ftruncate(handle, 0)
                self._lost += size
                self._begins = 0

    def text(self) -> str:
        """What is kept; where that is not all, its first line says so (:data:`DROPPED`)."""
        newest, before = self._newest(KEPT * 2)
        told = [DROPPED.format(before)] if before else []
        return "\n".join([*told, newest])

    def end(self, length: int) -> str:
        """The last lines of its last bytes, for a message.

        Empty ones are left out, and so is what our own requests had a VMM log, where there is anything else;
        the first may have begun before.
        """
        lines = [line for line in map(str.strip, self._newest(length)[0].splitlines()) if line]
        telling = [line for line in lines if not _OF_REQUESTS.search(line)]
        return "\n".join((telling or lines)[-_LINES:])

    def _newest(self, length: int) -> tuple[str, int]:
        """The end of it, and how many bytes came before."""
        with self._opened(os.O_RDONLY) as handle:
            if handle is None:
                return "", 0
            size = os.fstat(handle).st_size
            first = max(self._begins, size - length, 0)
            found = os.pread(handle, length, first)
        return found.decode(errors="replace"), self._lost + first

    @contextlib.contextmanager
    def _opened(self, how: int) -> Iterator[int | None]:
        """None where there is no such file."""
        try:
            handle = os.open(self.path, how | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            yield None
            return
        try:
            yield handle if stat.S_ISREG(os.fstat(handle).st_mode) else None
        finally:
            os.close(handle)
