"""The golden snapshot's files on the host, as facts: few round trips, each asked once."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from harness.host.hypervisor import Hypervisor

_READ_S = 30.0
_HASH_S = 900.0
_SHA256 = r"^[0-9a-f]{64}$"

_STAT = """
import json, os, sys
def look(path):
    try:
        s = os.stat(path)
    except FileNotFoundError:
        return {"exists": False}
    except OSError as error:
        return {"exists": False, "error": error.strerror}
    return {"exists": True, "size": s.st_size, "mtime": s.st_mtime}
print(json.dumps({path: look(path) for path in json.loads(sys.argv[1])}))
"""

_READ = """
import base64, json, sys
try:
    with open(json.loads(sys.argv[1]), "rb") as file:
        answer = {"content": base64.b64encode(file.read(4 << 20)).decode()}
except OSError as error:
    answer = {"error": error.strerror}
print(json.dumps(answer))
"""

_HASH = """
import hashlib, json, sys
def digest(path):
    total = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                total.update(block)
    except OSError as error:
        return {"error": error.strerror}
    return {"sha256": total.hexdigest()}
print(json.dumps({path: digest(path) for path in json.loads(sys.argv[1])}))
"""

_DISK = Path(__file__).parents[1] / "probes" / "disk.py"


@dataclass(frozen=True)
class FileFact:
    """What ``stat`` says of one file; ``exists`` False leaves the rest at zero."""

    path: str
    exists: bool
    size: int = 0
    mtime: float = 0.0
    error: str = ""
    """Why it could not be looked at, where that is not plain absence."""


@dataclass(frozen=True)
class Manifest:
    """manifest.json, parsed and validated."""

    path: str
    format: int = 0
    created_at: str = ""
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """name -> {"sha256", "size"}."""
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """name -> {"sha256", "guest_path"?}."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The whole document: boot_id, vmm_version, kernel_release, ..."""
    faults: tuple[str, ...] = ()
    """Why it is no good manifest: missing, not JSON, fields missing or wrong. Empty means valid."""


@dataclass(frozen=True)
class DiskFile:
    """A file inside the disk: its bytes, or why there are none."""

    path: str
    content: bytes | None
    error: str = ""

    @property
    def sha256(self) -> str:
        """Digest of its bytes; empty where there are none."""
        return "" if self.content is None else hashlib.sha256(self.content).hexdigest()


class GoldenSnapshot:
    """Facts about the snapshot the profile names, asked for when needed. Safe to use from several threads."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self.hypervisor = hypervisor
        self._lock = threading.RLock()
        self._facts: dict[str, FileFact] | None = None
        self._manifest: Manifest | None = None

    @property
    def paths(self) -> dict[str, str]:
        """Role (vmstate, memory, disk, kernel, initrd, manifest) -> path; only those the profile names."""
        files = self.hypervisor.site.snapshot
        roles = ("vmstate", "memory", "disk", "kernel", "initrd", "manifest")
        return {role: path for role in roles if (path := getattr(files, role)) is not None}

    def files(self) -> dict[str, FileFact]:
        """Facts of :attr:`paths`, by role. One round trip, asked once."""
        facts = self._stats()
        return {role: facts[path] for role, path in self.paths.items()}

    def inputs(self) -> dict[str, FileFact]:
        """Facts of the profile's snapshot.inputs, by path. The same round trip as :meth:`files`."""
        facts = self._stats()
        return {path: facts[path] for path in self.hypervisor.site.snapshot.inputs}

    def manifest(self) -> Manifest | None:
        """The manifest, its faults in :attr:`Manifest.faults`; None where the profile names none."""
        path = self.hypervisor.site.snapshot.manifest
        if path is None:
            return None
        with self._lock:
            if self._manifest is None:
                self._manifest = parse_manifest(path, self.hypervisor.python(_READ, path, timeout_s=_READ_S))
            return self._manifest

    def sha256(self, paths: Iterable[str]) -> dict[str, str]:
        """Digests computed on the host, by path; one round trip, several seconds for a big file.

        What cannot be read has no digest: ``error: <why>`` stands in its place.
        """
        answer = self.hypervisor.python(_HASH, list(paths), timeout_s=_HASH_S)
        return {path: item.get("sha256") or f"error: {item['error']}" for path, item in answer.items()}

    def read_from_disk(self, paths: Iterable[str]) -> dict[str, DiskFile]:
        """Files inside the root disk (ext4), links followed, without mounting it. One round trip."""
        source, disk = _DISK.read_text(encoding="utf-8"), self.hypervisor.site.snapshot.disk
        answer = self.hypervisor.python(source, [disk, list(paths)], timeout_s=_READ_S)
        return {path: _disk_file(path, item) for path, item in answer.items()}

    def _stats(self) -> dict[str, FileFact]:
        with self._lock:
            if self._facts is None:
                wanted = [*self.paths.values(), *self.hypervisor.site.snapshot.inputs]
                answer = self.hypervisor.python(_STAT, wanted, timeout_s=_READ_S)
                self._facts = {path: FileFact(path, **fields) for path, fields in answer.items()}
            return self._facts


class _FileEntry(BaseModel):
    model_config = ConfigDict(extra="allow")
    sha256: str = Field(pattern=_SHA256)
    size: int = Field(ge=0)


class _InputEntry(BaseModel):
    model_config = ConfigDict(extra="allow")
    sha256: str = Field(pattern=_SHA256)
    guest_path: str | None = None


def _time(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"not a time as in 2026-01-31T12:00:00Z: {text!r}") from None
    return text


class _ManifestModel(BaseModel):
    """What every manifest must have; more is welcome."""

    model_config = ConfigDict(extra="allow")
    format: int
    created_at: Annotated[str, AfterValidator(_time)]
    files: dict[str, _FileEntry]
    inputs: dict[str, _InputEntry]


def parse_manifest(path: str, read: Mapping[str, str]) -> Manifest:
    """A manifest from what was read: ``{"content": base64}`` or ``{"error": why}``."""
    if "error" in read:
        return Manifest(path, faults=(f"{path}: {read['error']}",))
    try:
        raw = json.loads(base64.b64decode(read["content"]))
        model = _ManifestModel.model_validate(raw)
    except ValidationError as error:
        items = error.errors(include_url=False)
        faults = [f"{path}: {'.'.join(map(str, item['loc'])) or 'document'}: {item['msg']}" for item in items]
        return Manifest(path, faults=tuple(faults))
    except ValueError as error:
        return Manifest(path, faults=(f"{path}: not JSON: {error}",))
    return Manifest(
        path,
        format=model.format,
        created_at=model.created_at,
        files={name: entry.model_dump() for name, entry in model.files.items()},
        inputs={name: entry.model_dump(exclude_none=True) for name, entry in model.inputs.items()},
        raw=raw,
    )


def _disk_file(path: str, item: Mapping[str, str]) -> DiskFile:
    content = base64.b64decode(item["content"]) if "content" in item else None
    return DiskFile(path, content, item.get("error", ""))
