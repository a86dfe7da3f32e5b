"""The guest's memory: an anonymous file for a boot, the snapshot's file for a load, a copy for a snapshot."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lab.vmm.faults import Fault, os_words
from lab.vmm.files import open_regular
from lab.vmm.snapshot import SnapshotError

MIB = 1024 * 1024
CHUNK = 2 * MIB
PAGE = 4096
_FAILED = "Failed to load guest memory: Error creating guest memory from file"
_SHORT = "The specified file offset and length is greater then file length"


def fresh(mib: int) -> int:
    """Memory for a new machine: it has no name, so nothing of it can be left behind."""
    fd = os.memfd_create("guest-memory")
    try:
        os.ftruncate(fd, mib * MIB)
    except (OSError, OverflowError) as error:
        os.close(fd)
        raise Fault(f"Cannot allocate {mib} MiB of memory for the guest: {error}") from error
    return fd


def of_snapshot(path: str, mib: int) -> int:
    """The memory file of a snapshot; its content has no checksum, only its size is looked at."""
    try:
        fd = open_regular(path, os.O_RDWR)  # QEMU opens it so, though it maps it privately
    except OSError as error:
        raise SnapshotError(f"{_FAILED}: Failed to load guest memory: {os_words(error)}") from error
    size = os.fstat(fd).st_size
    if size < mib * MIB:
        os.close(fd)
        raise SnapshotError(f"{_FAILED}: Failed to restore guest memory: Cannot create mmap region: {_SHORT}")
    if size > mib * MIB:
        os.close(fd)
        raise SnapshotError(
            f"The memory file {path} has {size} bytes, the machine {mib * MIB}: not of this snapshot"
        )
    return fd


def dump(pid: int, ram_fd: int, mib: int, target: BinaryIO) -> None:
    """Write what the stopped machine sees as its memory, zeroes as holes.

    A restored machine's memory is the snapshot's file and the private pages on top of it; only the process
    itself sees both at once, so it is read there.
    """
    target.truncate(mib * MIB)
    out = target.fileno()
    zero = bytes(PAGE)
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for address, offset, size in _mappings(pid, ram_fd):
            for start in range(0, size, CHUNK):
                data = os.pread(memory.fileno(), min(CHUNK, size - start), address + start)
                _write_sparse(out, data, offset + start, zero)


def _write_sparse(out: int, data: bytes, offset: int, zero: bytes) -> None:
    if not data.strip(b"\0"):
        return
    begin = 0
    for at in range(0, len(data) + PAGE, PAGE):  # runs of non-zero pages; the end acts as a zero page
        if data[at : at + PAGE] == zero or at >= len(data):
            if at > begin:
                os.pwrite(out, data[begin:at], offset + begin)
            begin = at + PAGE


def _mappings(pid: int, ram_fd: int) -> Iterator[tuple[int, int, int]]:
    """Address, offset in the file and length of each mapping of the guest's memory in QEMU."""
    inode = os.fstat(ram_fd).st_ino
    device = os.fstat(ram_fd).st_dev
    found_any = False
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, _, offset, numbers, found = line.split(maxsplit=5)[:5]
        major, minor = (int(number, 16) for number in numbers.split(":"))
        if int(found) == inode and os.makedev(major, minor) == device:
            low, high = (int(number, 16) for number in span.split("-"))
            found_any = True
            yield low, int(offset, 16), high - low
    if not found_any:
        raise Fault(f"QEMU (pid {pid}) maps no memory of inode {inode}: its memory cannot be saved")
