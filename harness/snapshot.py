"""The golden snapshot's files on the host, as facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.host import Host


@dataclass(frozen=True)
class FileFact:
    """What ``stat`` says of one file; ``exists`` False leaves the rest at zero."""

    path: str
    exists: bool
    size: int = 0
    allocated: int = 0
    mtime: float = 0.0
    mode: int = 0
    uid: int = 0
    error: str = ""
    """Why it could not be looked at, where that is not plain absence."""


@dataclass(frozen=True)
class Manifest:
    """manifest.json, parsed and validated."""

    path: str
    format: int
    created_at: str
    files: Mapping[str, Mapping[str, Any]]
    """name -> {"sha256", "size"}."""
    inputs: Mapping[str, Mapping[str, Any]]
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


class GoldenSnapshot:
    """Facts about the snapshot the profile names, asked for when needed and few round trips each."""

    def __init__(self, host: Host) -> None:
        self.host = host

    @property
    def is_memory_snapshot(self) -> bool:
        """Whether the profile names device state and memory; False where every VM is cold-booted."""
        raise NotImplementedError

    @property
    def paths(self) -> dict[str, str]:
        """Role (vmstate, memory, disk, kernel, initrd, manifest) -> path; only those the profile names."""
        raise NotImplementedError

    def files(self) -> dict[str, FileFact]:
        """Facts of :attr:`paths`, by role. One round trip, asked once."""
        raise NotImplementedError

    def inputs(self) -> dict[str, FileFact]:
        """Facts of the profile's snapshot.inputs, by path. The same round trip as :meth:`files`."""
        raise NotImplementedError

    def manifest(self) -> Manifest | None:
        """The manifest, its faults in :attr:`Manifest.faults`; None where the profile names none."""
        raise NotImplementedError

    def sha256(self, paths: Iterable[str]) -> dict[str, str]:
        """Digests computed on the host, by path; one round trip, several seconds for a big file."""
        raise NotImplementedError

    def read_from_disk(self, paths: Iterable[str]) -> dict[str, DiskFile]:
        """Files inside the root disk (ext4), read without mounting it. One round trip."""
        raise NotImplementedError
