"""The history of an evidence folder: a line of JSON for each run, written at its end, and never changed.

It outlasts the folders of the runs, of which few are kept. Runs that share the folder take turns to write.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UnreadableError
from harness.verdict.past import Past, read_past
from harness.whole import PRIVATE

NAME = "history.jsonl"
_MOST = 16 << 20
"""Bytes that are read of it, from its end."""


class History:
    """``<root>/history.jsonl``."""

    def __init__(self, root: Path) -> None:
        self.file = root / NAME
        self.torn = False
        """Whether its last line breaks off: whoever wrote it was killed, or the disk was full."""
        self.unread = 0
        """Lines that could not be read, as far as it was read."""

    def append(self, past: Past) -> None:
        """Write a run's line, after whatever is there.

        :raises OSError: it could not be written; what was there is as before.
        """
        line = f"{past.model_dump_json()}\n".encode()
        with self._locked(os.O_RDWR | os.O_APPEND | os.O_CREAT, fcntl.LOCK_EX) as (file, size):
            if size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line  # a line that was torn takes none of ours along
            try:
                while line:
                    line = line[os.write(file, line) :]
            except OSError:
                os.ftruncate(file, size)
                raise

    def newest_first(self) -> Iterator[Past]:
        """The runs in it; a line that is none is passed over, and counted.

        :raises OSError: it is there, and cannot be read.
        """
        self.torn, self.unread = False, 0
        try:
            with self._locked(os.O_RDONLY, fcntl.LOCK_SH) as (file, size):
                content = _from(file, max(size - _MOST, 0), size)
        except FileNotFoundError:
            return
        lines = content.split(b"\n")
        if len(content) < size:
            lines[0] = b""  # the end of one that began before
        breaks_off = lines[-1]
        for line in filter(None, reversed(lines)):
            try:
                past = read_past(line, whose=str(self.file))
            except UnreadableError:
                self.unread += 1
                self.torn = self.torn or line is breaks_off
            else:
                yield past

    @contextlib.contextmanager
    def _locked(self, how: int, lock: int) -> Iterator[tuple[int, int]]:
        """The file, open and locked, and its size.

        :raises OSError: it cannot be opened, or somebody else could have written it.
        """
        file = os.open(self.file, how | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, PRIVATE)
        try:
            with contextlib.suppress(OSError):  # no such locks here
                fcntl.flock(file, lock)
            what = os.fstat(file)
            if not stat.S_ISREG(what.st_mode):
                raise FileExistsError(0, "it is no file")
            if what.st_uid not in (os.geteuid(), 0) or stat.S_IMODE(what.st_mode) & 0o022:
                raise PermissionError(0, "others may write it")
            yield file, what.st_size
        finally:
            os.close(file)


def _from(file: int, begin: int, end: int) -> bytes:
    parts = []
    while begin < end and (part := os.pread(file, end - begin, begin)):
        parts.append(part)
        begin += len(part)
    return b"".join(parts)
