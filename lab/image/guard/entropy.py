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


class Entropy:
    """The kernel's generator, and the host's behind virtio-rng where there is one."""

    def __init__(self) -> None:
        self._kernel = os.open(KERNEL, os.O_RDWR)
        has_host = HWRNG.exists() and CURRENT.read_text().strip() != "none"
        self._host = os.open(HWRNG, os.O_RDONLY) if has_host else None

    def reseed(self) -> str:
        """Reseed the kernel's generator; returns from what, in words.

        Without virtio-rng the reseed takes what the CPU's own generator gives (and, on Firecracker, what the
        kernel mixed in when it was told of its cloning).
        """
        if self._host is None:
            fcntl.ioctl(self._kernel, _RNDRESEEDCRNG)
            return "reseeded by the kernel alone"
        fresh = self._read(STALE + FRESH)[STALE:]
        fcntl.ioctl(self._kernel, _RNDADDENTROPY, struct.pack("ii", FRESH * 8, FRESH) + fresh)
        fcntl.ioctl(self._kernel, _RNDRESEEDCRNG)
        return f"{FRESH} fresh random bytes"

    def draw(self, count: int) -> bytes:
        """Random bytes from the kernel."""
        return os.read(self._kernel, count)

    def _read(self, count: int) -> bytes:
        assert self._host is not None  # noqa: S101 - for the type checker; the caller has looked
        have = b""
        while len(have) < count:
            have += os.read(self._host, count - len(have))
        return have
