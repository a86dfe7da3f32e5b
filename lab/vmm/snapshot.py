"""The vmstate file: a header that says what machine it is for, QEMU's device state, and a checksum.

Layout, little endian: magic u64, version 3 x u16, header length u32, header (JSON), device state, CRC u64
over all before it. The magic's upper half is Firecracker's; its lowest byte says that the state inside is
QEMU's.
"""

import errno
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lab.vmm.bodies import BootSource, Drive, Entropy, MachineConfig, MmdsConfig, NetworkInterface, Strict
from lab.vmm.faults import Fault, os_words, said_by
from lab.vmm.files import open_regular
from lab.vmm.json_text import decode
from lab.vmm.version import SNAPSHOT_VERSION

MAGIC = 0x0710198486645145
FIRECRACKER_MAGIC = 0x0710198486640000
MAX_SIZE = 10 * 1024 * 1024
_FIXED = struct.Struct("<Q3HI")
_CRC = struct.Struct("<Q")


class SnapshotError(Fault):
    """A vmstate or memory file that cannot be loaded; the text says why."""


class Header(Strict):
    """What a load must know before it can start the same machine again."""

    accel: str
    qemu_version: str
    vmm_version: str
    machine_config: MachineConfig
    boot_source: BootSource | None
    drives: list[Drive]
    network_interfaces: list[NetworkInterface]
    entropy: Entropy | None
    mmds_config: MmdsConfig | None
    state_size: int


@dataclass(slots=True)
class VmState:
    """A vmstate file's content."""

    header: Header
    device_state: bytes


def write(path: Path, state: VmState) -> None:
    """Write ``state`` so that ``path`` is either what it was or whole."""
    from msgspec import json

    head = json.encode(state.header)
    blob = _FIXED.pack(MAGIC, *SNAPSHOT_VERSION, len(head)) + head + state.device_state
    with replacing(path) as file:
        file.write(blob + _CRC.pack(zlib.crc32(blob)))


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes ``path``'s place once it is whole and on disk; until then the old one stands.

    The machine may be running from the very memory file that is being written: a new file leaves its mapping
    alone.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_version(path: Path) -> str:
    """The format version of a whole, undamaged vmstate file, as ``--describe-snapshot`` prints it."""
    version, _ = _check(_read(path, "Unable to open snapshot state file"))
    return "v" + ".".join(str(part) for part in version)


def read(path: Path) -> VmState:
    """The vmstate file at ``path``, checked; a Fault says what is wrong with it."""
    with said_by("Failed to get snapshot state from file"):
        blob = _read(path, "Failed to open snapshot file")
        with said_by("Failed to load snapshot state from file"):
            return _state(path, blob)


def _state(path: Path, blob: bytes) -> VmState:
    version, head_size = _check(blob)
    if version[0] != SNAPSHOT_VERSION[0] or version[1] > SNAPSHOT_VERSION[1]:
        raise SnapshotError(f"Invalid data version: {'.'.join(map(str, version))}")
    start = _FIXED.size + head_size
    try:
        header = decode(blob[_FIXED.size : start], Header)
    except Fault as error:
        raise SnapshotError(f"{path}: the header cannot be decoded: {error}") from error
    device_state = blob[start : -_CRC.size]
    if len(device_state) != header.state_size:
        raise SnapshotError(
            f"{path}: {len(device_state)} bytes of device state, header says {header.state_size}"
        )
    return VmState(header, device_state)


def _read(path: Path, what: str) -> bytes:
    try:
        with open(open_regular(str(path), os.O_RDONLY), "rb") as file:  # noqa: PTH123 (a descriptor)
            blob = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise SnapshotError(f"{what}: {os_words(error)}") from error
    if len(blob) > MAX_SIZE:
        raise SnapshotError(f"{path} is longer than {MAX_SIZE} bytes: not a vmstate file")
    return blob


def _check(blob: bytes) -> tuple[tuple[int, int, int], int]:
    if len(blob) < _FIXED.size + _CRC.size:
        raise SnapshotError("Snapshot file is smaller than CRC length.")
    magic, major, minor, patch, head_size = _FIXED.unpack_from(blob)
    if magic == FIRECRACKER_MAGIC:
        raise SnapshotError(
            "Magic number is Firecracker's own: a KVM snapshot cannot be loaded by the QEMU look-alike"
        )
    (crc,) = _CRC.unpack_from(blob, len(blob) - _CRC.size)
    if crc != zlib.crc32(memoryview(blob)[: -_CRC.size]):
        raise SnapshotError(f"CRC64 validation failed: {crc}")
    if magic != MAGIC:
        raise SnapshotError(f"Magic value does not match arch: {magic}")
    if _FIXED.size + head_size + _CRC.size > len(blob):
        raise SnapshotError("File too short: the header does not fit")
    return (major, minor, patch), head_size
