"""What a mend did, as JSON lines in a folder of its own: each line is on the disk before what it announces.

Rows are kept as they were, for ``--undo``, and may hold what nobody else should read: the files are private.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, UnreadableError, UsageError
from harness.text import decoded

_NAME, _FILES = "journal.jsonl", "removed"
_RUN = re.compile(r"[0-9a-f]{6}")


class Journal:
    """One run's folder, ``<evidence>/mend-<run>``."""

    def __init__(self, evidence: Path, run_id: str) -> None:
        self.run_id = run_id
        self._broken = False
        self.folder = evidence / f"mend-{run_id}"
        try:
            evidence.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL | os.O_NOFOLLOW
            self._file = os.open(self.folder / _NAME, flags, 0o600)
        except OSError as error:
            raise UsageError(
                f"no journal can be written to {self.folder}: {error.strerror}", hint="--evidence-dir DIR"
            ) from error

    def write(self, event: str, **what: Any) -> None:
        """A line, on the disk when this returns."""
        line = json.dumps({"time": time.time(), "event": event, **what}, default=str)
        with self._writing():
            left = memoryview(f"{line}\n".encode())
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)

    def keep(self, copies: Sequence[Mapping[str, Any]]) -> None:
        """Copies of files that are about to be removed, and a line about all of them."""
        for number, one in enumerate(copies):
            if "content" in one:
                with self._writing():
                    self._copy(f"{one['path']}.{number}", base64.b64decode(one["content"]))
        told = [{name: value for name, value in one.items() if name != "content"} for one in copies]
        self.write("copies", files=told)

    def _copy(self, path: str, content: bytes) -> None:
        folder = self.folder / _FILES
        folder.mkdir(mode=0o700, exist_ok=True)
        name = re.sub(r"[^\w.-]", "_", path)[-200:]
        handle = os.open(folder / f"{time.time_ns()}{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """What is not on the disk stops the mend: a line behind half a one could not be read, either."""
        if self._broken:
            raise HarnessError(f"{self.folder}: nothing more is written behind a line that was cut off")
        try:
            yield
        except OSError as error:
            self._broken = True
            raise HarnessError(
                f"{self.folder}: {error.strerror}", hint="nothing is changed that is not in the journal"
            ) from error

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)


def read_journal(evidence: Path, run_id: str) -> list[dict[str, Any]]:
    """What a run wrote; a line that a kill cut off is no line.

    :raises UsageError: there is no such run.
    """
    if not _RUN.fullmatch(run_id):
        raise UsageError(f"{run_id!r} is no run of mend", hint="six hex digits, as in evidence/mend-<run>")
    file = evidence / f"mend-{run_id}" / _NAME
    try:
        lines = decoded(file.read_bytes()).split("\n")
    except OSError as error:
        raise UsageError(
            f"{file}: {error.strerror}", hint="--undo RUN, and --evidence-dir as it was"
        ) from error
    return [_line(line, whose=str(file)) for line in lines[:-1]]


def _line(line: str, *, whose: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except (TypeError, ValueError) as error:
        raise UnreadableError(f"{whose}: a line that is no JSON: {error}") from error
