"""The lab's store: a sparse file with XFS, loop-mounted, so that a VM's disk is a reflink copy.

Create, mount and unmount are idempotent, and serialised between processes by one lock file.
"""

from __future__ import annotations

import struct
from pathlib import Path

from harness.errors import HarnessError
from harness.run import run
from lab.lock import held
from lab.paths import LabPaths

SIZE = 60 << 30
"""Apparent size; the file takes up only what is stored, and freed blocks are given back (``discard``)."""

_LOCK = "store.lock"
_SUPERBLOCK = struct.Struct(">4sIQ")


class StoreError(HarnessError):
    """The store cannot be used as it is."""


def mount(paths: LabPaths) -> None:
    """Have the store mounted at ``paths.store``, made first where there is none.

    :raises StoreError: the file is truncated or no XFS, or something else is mounted in its place.
    """
    with held(paths.home / _LOCK):
        if is_mounted(paths):
            return
        _detach(paths)
        if not paths.store_file.exists():
            _create(paths)
        _check_whole(paths)
        paths.store.mkdir(parents=True, exist_ok=True)
        run(
            ["mount", "-t", "xfs", "-o", "loop,discard,noatime", paths.store_file, paths.store],
            timeout_s=60,
            hint="a loop device and XFS are needed; look at the last lines of dmesg",
        )
        for folder in (paths.firecracker, paths.cache):
            folder.mkdir(parents=True, exist_ok=True)


def unmount(paths: LabPaths) -> None:
    """Have the store unmounted; nothing happens where it is not mounted.

    :raises CommandError: something still uses it.
    """
    with held(paths.home / _LOCK):
        while _mounted_from(paths.store) is not None:
            run(["umount", paths.store], timeout_s=120, hint=f"see who uses it: fuser -vm {paths.store}")
        _detach(paths)


def is_mounted(paths: LabPaths) -> bool:
    """Whether the store is mounted and is the file it should be.

    :raises StoreError: a stale mount, or something else, is in its place.
    """
    device = _mounted_from(paths.store)
    if device is None:
        return False
    backing = _backing_file(device)
    if backing != str(paths.store_file):
        raise StoreError(
            f"{paths.store} is mounted from {device} ({backing or 'no loop device'}), "
            f"not from {paths.store_file}",
            hint=f"a stale mount of a store that was moved or deleted: umount {paths.store}, then try again",
        )
    return True


def _mounted_from(mountpoint: Path) -> str | None:
    """The device mounted there last, from the kernel's own table (paths there have spaces as \\040)."""
    wanted = str(mountpoint).replace(" ", "\\040")
    device = None
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ", 1)
        if left.split()[4] == wanted:
            device = right.split()[1]
    return device


def _backing_file(device: str) -> str:
    source = Path("/sys/block", Path(device).name, "loop/backing_file")
    return source.read_text().strip() if source.exists() else ""


def _detach(paths: LabPaths) -> None:
    """Let go of the loop devices that a killed mount or build has left to the file: ours, and no other's."""
    if not paths.store_file.exists():
        return
    said = run(
        ["losetup", "--associated", paths.store_file, "--noheadings", "--output", "NAME"], timeout_s=30
    )
    for device in said.stdout.split():
        run(["losetup", "--detach", device], timeout_s=30)


def _create(paths: LabPaths) -> None:
    """Format under another name first, so that a half-made store is never found."""
    fresh = paths.store_file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with fresh.open("wb") as file:
        file.truncate(SIZE)
    run(["mkfs.xfs", "-q", "-m", "reflink=1", fresh], timeout_s=120, hint="install xfsprogs")
    fresh.rename(paths.store_file)


def _check_whole(paths: LabPaths) -> None:
    with paths.store_file.open("rb") as file:
        head = file.read(_SUPERBLOCK.size)
    size = paths.store_file.stat().st_size
    hint = f"it holds only what can be built again: delete {paths.store_file}, then try again"
    if len(head) < _SUPERBLOCK.size or not head.startswith(b"XFSB"):
        raise StoreError(f"{paths.store_file} ({size} bytes) is no XFS", hint=hint)
    _, block_size, blocks = _SUPERBLOCK.unpack(head)
    if size < block_size * blocks:
        raise StoreError(
            f"{paths.store_file} is truncated: {size} bytes, its file system needs {block_size * blocks}",
            hint=hint,
        )
