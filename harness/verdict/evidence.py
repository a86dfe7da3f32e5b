"""Evidence: what a check saw, in one folder per check, secrets cut out. Writing it never raises."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UsageError
from harness.outward import told, told_bytes, told_value

log = logging.getLogger(__name__)

KEPT_RUNS = 10
_GIVEN_UP_AFTER = 2  # failures in a row: a dead host would otherwise cost every check a timeout


def safe_name(name: str) -> str:
    """``name`` as a file name: unlike names stay unlike."""
    safe = re.sub(r"[^A-Za-z0-9._\[\]=-]", "_", name).lstrip(".")[:100]
    return safe if safe and safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


class Evidence:
    """One check's folder; made when the first file is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def text(self, name: str, content: str) -> None:
        """Keep a text."""
        self.bytes(name, told(content).encode())

    def json(self, name: str, content: object) -> None:
        """Keep a value; what JSON does not know is kept as its text."""
        self.text(name, json.dumps(told_value(content), indent=2, ensure_ascii=False) + "\n")

    def bytes(self, name: str, content: bytes) -> None:
        """Keep bytes."""
        file = self.folder / safe_name(told(name))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file.write_bytes(told_bytes(content))
        except OSError as error:  # a full disk must not turn a verdict
            log.warning("evidence %s: %s", file, error)

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
            evidence.text(f"{source.name}.missing", f"{type(error).__name__}: {error}\n")


class EvidenceRun:
    """One run's folder, ``<root>/<run id>``, among those of the runs before it."""

    def __init__(self, root: Path, run_id: str) -> None:
        self.root = root
        self.folder = root / run_id

    def start(self, facts: dict[str, str]) -> None:
        """Make the folder, point ``latest`` at it, and delete all but the last runs.

        :raises UsageError: nothing can be written there.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "run.json").write_text(json.dumps(told_value(facts), indent=2) + "\n")
            latest = self.root / "latest"
            latest.unlink(missing_ok=True)
            latest.symlink_to(self.folder.name)
        except OSError as error:
            raise UsageError(
                f"evidence cannot be written to {self.root}: {error.strerror}", hint="--evidence-dir DIR"
            ) from error
        self._prune()

    def check(self, name: str) -> Evidence:
        """The folder of one check."""
        return Evidence(self.folder / safe_name(told(name)))

    def _prune(self) -> None:
        ours = [path.parent for path in self.root.glob("*/run.json") if not path.parent.is_symlink()]
        ours.sort(key=lambda folder: (folder / "run.json").stat().st_mtime, reverse=True)
        for old in ours[KEPT_RUNS:]:
            shutil.rmtree(old, ignore_errors=True)
