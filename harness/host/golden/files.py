"""The golden snapshot's files on the host, as facts: few round trips, each asked once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, Base64Bytes, BaseModel, ConfigDict, Field, StrictInt, ValidationError

from harness.answers import read_as, read_json
from harness.clocks import utc_text
from harness.errors import UnreadableError
from harness.host.golden.digests import Measured, measure
from harness.host.hypervisor import Hypervisor
from harness.site.profile import Site
from harness.values import Moment, Natural, moment

_READ_S = 30.0
_SHA256 = r"^[0-9a-f]{64}$"
_LARGEST_MANIFEST = 4 << 20
_SHOWN_FAULTS = 20
_WIDEST_ZONE_S = 14 * 3600  # by which a time without a zone may be ahead of what UTC makes of it

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

# A pipe would be waited for.
_OPEN = """
import os, stat
def opened(path):
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    mode = os.fstat(file.fileno()).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        raise OSError(0, "is no file")
    return file
"""

_READ = (
    _OPEN
    + """
import base64, json, sys, time
path, most = json.loads(sys.argv[1])
answer = {"now": time.time()}
try:
    with opened(path) as file:
        answer["content"] = base64.b64encode(file.read(most + 1)).decode()
except OSError as error:
    answer["error"] = error.strerror
print(json.dumps(answer))
"""
)

_SHELF, _JOURNAL = ".promotion", "journal.json"
_DISK = Path(__file__).parents[1] / "probes" / "disk.py"


@dataclass(frozen=True)
class FileFact:
    """What ``stat`` says of one file; ``exists`` False leaves the rest at zero."""

    path: str
    exists: bool
    size: Natural = 0
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
    """Why it is no good manifest: missing, not JSON, fields missing or wrong, of the future. Empty: valid."""

    @property
    def boot_id(self) -> str | None:
        """The boot that the snapshot is of, where it says so."""
        said = self.raw.get("boot_id")
        return None if said is None else str(said)


@dataclass(frozen=True)
class DiskFile:
    """A file inside the disk, or why there is none."""

    path: str
    sha256: str
    """Empty where it could not be read."""
    size: Natural = 0
    error: str = ""


def paths_of(site: Site) -> dict[str, str]:
    """What a file of the golden snapshot is for -> its path; only those the profile names."""
    roles = ("vmstate", "memory", "disk", "kernel", "initrd", "manifest")
    return {role: path for role in roles if (path := getattr(site.snapshot, role)) is not None}


def journals(disk: str) -> tuple[str, str]:
    """Where the journal of a promotion that was cut short may lie; ``probes/promote.py`` says the same."""
    folder = PurePosixPath(disk).parent
    beside = folder.parent / f".{folder.name}{_SHELF}"
    return str(beside / _JOURNAL), str(folder / _SHELF / _JOURNAL)


class GoldenSnapshot:
    """Facts about the snapshot the profile names, asked for when needed. Safe to use from several threads."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self.hypervisor = hypervisor
        self._lock = threading.RLock()
        self._facts: dict[str, FileFact] | None = None
        self._manifest: Manifest | None = None
        self._measuring = threading.Lock()
        self._measured: dict[str, Measured] = {}

    @property
    def paths(self) -> dict[str, str]:
        """See :func:`paths_of`."""
        return paths_of(self.hypervisor.site)

    def files(self) -> dict[str, FileFact]:
        """Facts of :attr:`paths`, by role. One round trip, asked once."""
        facts = self._stats()
        return {role: facts[path] for role, path in self.paths.items()}

    def unfinished(self) -> bool:
        """Whether a promotion was cut short, so that they may be of two snapshots. The same round trip."""
        facts = self._stats()
        return any(facts[path].exists for path in journals(self.hypervisor.site.snapshot.disk))

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
                read = self.hypervisor.python(_READ, [path, _LARGEST_MANIFEST], timeout_s=_READ_S)
                skew_s = self.hypervisor.site.host.clock_skew_s
                self._manifest = parse_manifest(path, read, skew_s=skew_s)
            return self._manifest

    def sha256(self, paths: Iterable[str]) -> dict[str, str]:
        """Digests of files as they are read on the host now, by path; see :meth:`measured`.

        What cannot be read has no digest: ``error: <why>`` stands in its place.
        """
        found = self.measured(paths)
        return {path: one.sha256 or f"error: {one.error}" for path, one in found.items()}

    def measured(self, paths: Iterable[str]) -> dict[str, Measured]:
        """Files read to their ends on the host, each once: several seconds for a big one, beside all else."""
        wanted = list(dict.fromkeys(paths))
        with self._measuring:
            if missing := [path for path in wanted if path not in self._measured]:
                self._measured.update(measure(self.hypervisor, missing, mode="fresh", beside=True))
            return {path: self._measured[path] for path in wanted if path in self._measured}

    @property
    def so_far(self) -> dict[str, Measured]:
        """What :meth:`measured` has come to."""
        return dict(self._measured)

    def known(self, paths: Iterable[str]) -> Mapping[str, Measured]:
        """What the host remembers of files that did not change since they were read. One short round trip."""
        return measure(self.hypervisor, paths, mode="known", timeout_s=_READ_S)

    def read_from_disk(self, paths: Iterable[str]) -> dict[str, DiskFile]:
        """Files inside the root disk (ext4), links followed, without mounting it. One round trip.

        Their digests are computed on the host: a file may be as large as the disk.
        """
        source, disk = _DISK.read_text(encoding="utf-8"), self.hypervisor.site.snapshot.disk
        answer = self.hypervisor.python(source, [disk, list(paths)], timeout_s=_READ_S)
        read = read_as(dict[str, _Digest], answer, whose=f"what {disk} holds")
        return {path: DiskFile(path, item.sha256, item.size, item.error) for path, item in read.items()}

    def _stats(self) -> dict[str, FileFact]:
        with self._lock:
            if self._facts is None:
                site = self.hypervisor.site
                wanted = [*self.paths.values(), *site.snapshot.inputs, *journals(site.snapshot.disk)]
                answer = self.hypervisor.python(_STAT, wanted, timeout_s=_READ_S)
                self._facts = read_facts(answer)
            return self._facts


class _Digest(BaseModel):
    sha256: str = ""
    size: Natural = 0
    error: str = ""


class _ManifestFile(BaseModel):
    now: Moment
    content: Base64Bytes | None = None
    error: str = ""


class _FileEntry(BaseModel):
    model_config = ConfigDict(extra="allow")
    sha256: str = Field(pattern=_SHA256)
    size: StrictInt = Field(ge=0, lt=1 << 63)


class _InputEntry(BaseModel):
    model_config = ConfigDict(extra="allow")
    sha256: str = Field(pattern=_SHA256)
    guest_path: str | None = None


def _time(text: str) -> str:
    try:
        moment(text, whose="created_at")
    except UnreadableError:
        raise ValueError(f"not a time as in 2026-01-31T12:00:00Z: {text[:80]!r}") from None
    return text


class _ManifestModel(BaseModel):
    """What every manifest must have; more is welcome."""

    model_config = ConfigDict(extra="allow")
    format: StrictInt
    created_at: Annotated[str, AfterValidator(_time)]
    files: dict[str, _FileEntry]
    inputs: dict[str, _InputEntry]


def parse_manifest(path: str, read: object, *, skew_s: float = 0) -> Manifest:
    """A manifest from what was read: the host's time ``now``, and ``content`` in base64, or ``error``.

    :param skew_s: how far its time may be ahead of the host's.
    :raises UnreadableError: that is no such answer.
    """
    answer = read_as(_ManifestFile, read, whose=f"what the host read of {path}")
    if answer.content is None:
        return Manifest(path, faults=(f"{path}: {answer.error or 'not read'}",))
    if len(answer.content) > _LARGEST_MANIFEST:
        return Manifest(path, faults=(f"{path}: more than {_LARGEST_MANIFEST >> 20} MiB",))
    try:
        raw = read_json(answer.content, whose=path, unique=True)
        model = _ManifestModel.model_validate(raw)
        made = moment(model.created_at, whose=path)
    except ValidationError as error:
        items = error.errors(include_url=False, include_input=False)
        faults = [f"{path}: {'.'.join(map(str, item['loc'])) or 'document'}: {item['msg']}" for item in items]
        return Manifest(path, faults=tuple(faults[:_SHOWN_FAULTS]))
    except UnreadableError as error:
        return Manifest(path, faults=(error.message,))
    if made > answer.now + (skew_s if _names_zone(model.created_at) else _WIDEST_ZONE_S):
        ahead = f"created_at: {model.created_at} is in the future: by the host's clock it is"
        return Manifest(path, faults=(f"{path}: {ahead} {utc_text(answer.now)}",))
    return Manifest(
        path,
        format=model.format,
        created_at=model.created_at,
        files={name: entry.model_dump() for name, entry in model.files.items()},
        inputs={name: entry.model_dump(exclude_none=True) for name, entry in model.inputs.items()},
        raw=raw,
    )


def _names_zone(text: str) -> bool:
    return datetime.fromisoformat(text).tzinfo is not None


def read_facts(answer: object) -> dict[str, FileFact]:
    """Facts by path.

    :raises UnreadableError: they are none.
    """
    told = read_as(dict[str, dict[str, Any]], answer, whose="what the host says of files")
    named = {path: {**fields, "path": path} for path, fields in told.items()}
    return read_as(dict[str, FileFact], named, whose="what the host says of files")
