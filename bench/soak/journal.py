"""The journal of a soak, a line of JSON for each turn: one that is cut off still tells what it saw."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.soak.account import Account
from bench.soak.plan import Order
from bench.soak.seen import Seen
from harness.errors import UnreadableError, UsageError


class _Line(BaseModel):
    """One of these."""

    model_config = ConfigDict(extra="forbid")

    order: Order | None = None
    before: Seen | None = None
    turn: Account | None = None


class Journal:
    """What was ordered, how the lab looked before, and what became of each turn so far."""

    def __init__(self, file: IO[bytes], order: Order) -> None:
        self._file = file
        self.order = order
        self.before: Seen | None = None
        self.accounts: list[Account] = []

    def keep_look(self, before: Seen) -> None:
        """How the lab looks before the first run."""
        self.before = before
        self._write(_Line(before=before))

    def keep(self, account: Account) -> None:
        """What became of a turn."""
        self.accounts.append(account)
        self._write(_Line(turn=account))

    def _write(self, line: _Line) -> None:
        self._file.write(line.model_dump_json(exclude_none=True).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@contextlib.contextmanager
def begun(file: Path, order: Order) -> Iterator[Journal]:
    """A new journal; nothing is left of it where the soak did not come to its first look.

    :raises UsageError: there is one already.
    """
    try:
        opened = file.open("xb")
    except FileExistsError as error:
        raise UsageError(
            f"{file} is the journal of a soak that was begun",
            hint="go on with it by --resume, or name another folder: --folder=DIR",
        ) from error
    with opened, _alone(opened, file):
        journal = Journal(opened, order)
        journal._write(_Line(order=order))
        try:
            yield journal
        finally:
            if journal.before is None:
                file.unlink()


@contextlib.contextmanager
def resumed(file: Path) -> Iterator[Journal]:
    """The journal of a soak that was cut off, maybe halfway through a line.

    :raises UsageError: there is none, or it is no such journal.
    """
    try:
        opened = file.open("r+b")
    except FileNotFoundError as error:
        raise UsageError(
            f"{file}: there is no soak to go on with", hint="begin one: without --resume"
        ) from error
    with opened, _alone(opened, file):
        whole, _, _ = opened.read().rpartition(b"\n")
        lines = [_read(line, file) for line in whole.splitlines()]
        if not lines or lines[0].order is None:
            raise UsageError(f"{file}: it does not say what was ordered", hint="begin anew in another folder")
        opened.seek(len(whole) + 1)
        opened.truncate()
        journal = Journal(opened, lines[0].order)
        for line in lines:
            journal.before = line.before or journal.before
            journal.accounts += [line.turn] if line.turn else []
        yield journal


@contextlib.contextmanager
def _alone(opened: IO[bytes], file: Path) -> Iterator[None]:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise UsageError(f"{file}: another soak writes it", hint="wait for its end, or end it") from error
    yield


def _read(line: bytes, file: Path) -> _Line:
    try:
        return _Line.model_validate_json(line)
    except ValidationError as error:
        raise UnreadableError(f"{file}: no line of a soak's journal: {error}") from error
