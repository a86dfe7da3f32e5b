"""Fresh randomness for the kernel, whose generator's state every clone shares."""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

KERNEL = Path("/dev/urandom")
HWRNG = Path("/dev/hwrng")
CURRENT = Path("/sys/class/misc/hw_random/rng_current")

STALE = 256
"""Bytes that the driver may have fetched before the snapshot, and would give to every clone alike."""

FRESH = 64

_RNDADDENTROPY = 0x40085203
_RNDRESEEDCRNG = 0x5207


def reseed() -> str:
    """Reseed the kernel's generator, from virtio-rng where there is one; returns what was done, in words.

    Without virtio-rng the reseed takes what the CPU's own generator gives (and, on Firecracker, what the
    kernel mixed in when it was told of its cloning).
    """
    fresh = _from_host()
    with KERNEL.open("rb+", buffering=0) as kernel:
        if fresh:
            fcntl.ioctl(kernel, _RNDADDENTROPY, struct.pack("ii", len(fresh) * 8, len(fresh)) + fresh)
        fcntl.ioctl(kernel, _RNDRESEEDCRNG)
    return f"{len(fresh)} fresh random bytes" if fresh else "reseeded by the kernel alone"


def _from_host() -> bytes:
    if not HWRNG.exists() or CURRENT.read_text().strip() == "none":
        return b""
    source = os.open(HWRNG, os.O_RDONLY)
    try:
        _read(source, STALE)
        return _read(source, FRESH)
    finally:
        os.close(source)


def _read(source: int, count: int) -> bytes:
    have = b""
    while len(have) < count:
        have += os.read(source, count - len(have))
    return have
