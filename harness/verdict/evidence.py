"""Evidence: what a check saw, in one folder per check, secrets cut out. Writing it never raises."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.outward import told, told_bytes, words_of
from harness.text import encoded
from harness.verdict.bounds import json_text
from harness.whole import private_folder, write_whole

Unwritten = Callable[[Path, BaseException], None]
"""Takes a file that could not be written, and why."""
Content = bytes

_GIVEN_UP_AFTER = 2  # failures in a row: a dead host would otherwise cost every check a timeout


def safe_name(name: str) -> str:
    """``name`` as a file name: unlike names stay unlike."""
    safe = re.sub(r"[^A-Za-z0-9._\[\]=-]", "_", name).lstrip(".")[:100]
    return safe if safe and safe == name else f"{safe}-{hashlib.sha256(encoded(name)).hexdigest()[:6]}"


def _nobody_is_told(_file: Path, _why: BaseException) -> None:
    """A check's own folder, outside of any run."""


class Evidence:
    """One check's folder; made when the first file is written."""

    def __init__(self, folder: Path, unwritten: Unwritten = _nobody_is_told) -> None:
        self.folder = folder
        self._unwritten = unwritten

    def text(self, name: str, content: str) -> None:
        """Keep a text."""
        self._write(name, lambda: told(content).encode())

    def json(self, name: str, content: object) -> None:
        """Keep a value; what JSON does not know is kept as its text."""
        self._write(name, lambda: json_text(content).encode())

    def bytes(self, name: str, content: bytes) -> None:
        """Keep bytes."""
        self._write(name, lambda: told_bytes(content))

    def _write(self, name: str, content: Callable[[], Content]) -> None:
        file = self.folder / safe_name(told(name))
        try:
            private_folder(self.folder)
            write_whole(file, content())
        except Exception as error:  # noqa: BLE001 - neither a full disk nor odd content turns a verdict
            self._unwritten(file, error)

    def keep(self, name: str, content: object) -> None:
        """Keep whatever a collector returned, by its type."""
        if isinstance(content, bytes):
            self.bytes(name, content)
        elif isinstance(content, str):
            self.text(name, content)
        else:
            self.json(name, content)


@dataclass
class Source:
    """Something worth keeping when a check that uses ``fixture`` did not pass."""

    fixture: str
    name: str
    collect: Callable[[], object]
    failures: int = 0


@dataclass
class EvidenceSources:
    """All sources that fixtures have registered so far."""

    sources: list[Source] = field(default_factory=list)

    def add(self, *, fixture: str, name: str, collect: Callable[[], object]) -> None:
        """Ask ``collect`` (text, bytes or JSON) for a check that did not pass and uses ``fixture``."""
        self.sources.append(Source(fixture, name, collect))

    def collect(self, fixtures: frozenset[str], evidence: Evidence) -> None:
        """Ask every source that concerns a check; one that fails is written down, and hides nothing."""
        for source in self.sources:
            if source.fixture in fixtures:
                self._ask(source, evidence)

    def _ask(self, source: Source, evidence: Evidence) -> None:
        if source.failures >= _GIVEN_UP_AFTER:
            evidence.text(f"{source.name}.missing", "not asked again: it failed for earlier checks\n")
            return
        try:
            evidence.keep(source.name, source.collect())
            source.failures = 0
        except Exception as error:  # noqa: BLE001 - a collector may fail in any way, the verdict stands
            source.failures += 1
            evidence.text(f"{source.name}.missing", f"{type(error).__name__}: {words_of(error)}\n")
