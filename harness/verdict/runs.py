"""The folder of a run's evidence, among those of the runs before it, and of others that go on beside it.

A run's folder is known by what lies in it: ``run.json``, which says so and names the folder. While the run
goes on it holds a lock on that file, which ends with the process, however that ends. So a folder is deleted
only where it is a run's, of our user, over, and holds nothing that no run writes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import stat
import weakref
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.check_names import LAYERS
from harness.errors import UsageError
from harness.outward import told, words_of
from harness.text import one_line
from harness.verdict.bounds import json_text
from harness.verdict.document import rfc3339
from harness.verdict.evidence import Evidence, safe_name
from harness.verdict.file import write_verdict
from harness.verdict.needed import Begun, needed
from harness.verdict.outcome import RunVerdict
from harness.whole import NEW, PRIVATE, private_folder, write_whole

KEPT_RUNS = 10

NOTE, _LATEST, _VERDICT = "run.json", "latest", "verdict.json"
_ATTESTATION = "verdict.dsse.json"
_KIND = "acceptance evidence"
RUN_ID = re.compile(r"[0-9a-f]{6}")
LARGEST_NOTE = 65536


class EvidenceRun:
    """One run's folder, ``<root>/<run id>``."""

    def __init__(self, root: Path, run_id: str) -> None:
        self.root = root
        self.folder = root / run_id
        self.started = False
        self.unwritten: list[str] = []
        """Files that could not be written, and why."""
        self._facts: dict[str, str] = {}
        self._unlock: weakref.finalize[Any, Any] | None = None

    def start(self, facts: Mapping[str, str]) -> None:
        """Make the folder, point ``latest`` at it, and delete all but the last runs.

        :raises UsageError: nothing can be written there.
        """
        began = rfc3339(datetime.now(UTC))
        self._facts = {"kind": _KIND, "began": began, **facts, "run": self.folder.name}
        try:
            private_folder(self.root)
            self.folder.mkdir(0o700)
        except OSError as error:
            raise self._refused(error.strerror) from error
        try:
            self.folder.chmod(0o700)
            self._sign()
            self._point()
        except OSError as error:
            self.end()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise self._refused(error.strerror) from error
        self.started = True
        _prune(self.root, but=self.folder, scope=_scope(self._facts))

    def check(self, name: str) -> Evidence:
        """The folder of one check."""
        return Evidence(self.folder / safe_name(told(name)), self.lost)

    def publish(self, verdict: RunVerdict, *, exit_status: int) -> None:
        """Write ``verdict.json``, also where somebody has removed the folder since."""
        file = self.folder / _VERDICT
        try:
            if not (self.folder / NOTE).exists():
                private_folder(self.folder)
                self.end()
                self._sign()
            write_verdict(file, verdict, exit_status=exit_status)
        except Exception as error:  # noqa: BLE001 - the verdict is still to reach the terminal
            self.lost(file, error)

    def attest(self, sign: Callable[[bytes], bytes]) -> None:
        """Have somebody vouch for ``verdict.json`` as it was written, in a file beside it."""
        file = self.folder / _ATTESTATION
        try:
            write_whole(file, sign((self.folder / _VERDICT).read_bytes()))
        except Exception as error:  # noqa: BLE001 - as above
            self.lost(file, error)

    def lost(self, file: Path, why: BaseException) -> None:
        """Say that a file could not be written."""
        reason = why.strerror if isinstance(why, OSError) and why.strerror else ""
        self.unwritten.append(one_line(told(f"{file}: {reason or f'{type(why).__name__}: {words_of(why)}'}")))

    def end(self) -> None:
        """The run is over: another may delete its folder."""
        if self._unlock:
            self._unlock()

    def _refused(self, why: str | None) -> UsageError:
        return UsageError(f"evidence cannot be written to {self.root}: {why}", hint="--evidence-dir DIR")

    def _sign(self) -> None:
        """Write the note; it is locked before it has its name."""
        fresh = self.folder / f".{secrets.token_hex(6)}{NEW}"
        note = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE)
        self._unlock = weakref.finalize(self, os.close, note)
        os.fchmod(note, PRIVATE)
        with contextlib.suppress(OSError):  # no such locks here: then nobody deletes anything, either
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with open(note, "wb", closefd=False) as file:
            file.write(json_text(self._facts).encode())
        fresh.rename(self.folder / NOTE)

    def _point(self) -> None:
        """Have ``latest`` lead here, without a moment in which it leads nowhere."""
        latest = self.root / _LATEST
        if os.path.lexists(latest) and not (latest.is_symlink() and RUN_ID.fullmatch(str(latest.readlink()))):
            raise FileExistsError(0, f"{_LATEST!r} in it is not a run's")
        fresh = self.root / f".{secrets.token_hex(6)}{NEW}"
        try:
            fresh.symlink_to(self.folder.name)
            fresh.replace(latest)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise


def _prune(root: Path, *, but: Path, scope: str) -> None:
    """Delete all but the last runs that were asked the same. Another run may do the same at this moment.

    Those of another scope stay: quick ones, of which there are many, would cost the verdict of a whole one.
    So does one that failed since a whole one passed: without it that would count again.
    """
    begun, same, not_ours = {}, [], contextlib.suppress(OSError, ValueError, RecursionError)
    named: list[Path] = []
    with not_ours:
        named += [folder for folder in root.iterdir() if RUN_ID.fullmatch(folder.name) and folder != but]
    for folder in named:
        with not_ours, _note(folder) as (note, said):
            moment = datetime.fromtimestamp(os.fstat(note).st_mtime, UTC)
            begun[folder] = Begun(
                folder, _word(said, "site"), moment, _word(said, "candidate"), _goes_on(note)
            )
            same += [folder] if _scope(said) == scope else []
    same.sort(key=lambda folder: begun[folder].began, reverse=True)
    doomed = {folder: begun.pop(folder) for folder in same[KEPT_RUNS - 1 :]}
    for folder in [*needed(doomed, begun, _VERDICT)] if doomed else ():
        del doomed[folder]
    for old in doomed:
        with not_ours, _note(old) as (note, _):
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _delete(old)


def _scope(note: Mapping[str, Any]) -> str:
    """What the run was asked; one that does not say so was asked for a part."""
    return str(note.get("scope", "partial"))


def _word(note: Mapping[str, Any], key: str) -> str | None:
    said = note.get(key)
    return said if isinstance(said, str) else None


def _goes_on(note: int) -> bool:
    """Whether its run holds it still."""
    try:
        fcntl.flock(note, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # or no such locks here: then nobody deletes anything
        return True
    return False


@contextlib.contextmanager
def _note(folder: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """A run's note, open, and what it says.

    :raises OSError: there is none that we may read and write.
    :raises ValueError: it is no run's, or not of this folder.
    """
    if folder.is_symlink():
        raise ValueError("a link")
    note = os.open(folder / NOTE, os.O_RDWR | os.O_NOFOLLOW)
    try:
        what = os.fstat(note)
        if not stat.S_ISREG(what.st_mode) or what.st_uid != os.geteuid() or what.st_size > LARGEST_NOTE:
            raise ValueError("not of ours")
        said = json.loads(os.read(note, LARGEST_NOTE))
        if not isinstance(said, dict) or (said.get("kind"), said.get("run")) != (_KIND, folder.name):
            raise ValueError("no run's")
        yield note, said
    finally:
        os.close(note)


def _delete(folder: Path) -> None:
    """Delete a run's folder, the note last; one in which there is anything of somebody else's stays."""
    inside = list(folder.iterdir())
    if not all(map(_is_a_runs, inside)):
        return
    for one in inside:
        if one.is_dir():
            shutil.rmtree(one)
        elif one.name != NOTE:
            one.unlink()
    (folder / NOTE).unlink()
    folder.rmdir()


def _is_a_runs(one: Path) -> bool:
    if one.is_symlink():
        return False
    if one.is_dir():
        return one.name.partition(".")[0] in LAYERS
    return one.name in (NOTE, _VERDICT, _ATTESTATION) or (one.name.startswith(".") and one.name.endswith(NEW))
