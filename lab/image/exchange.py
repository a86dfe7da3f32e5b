"""Putting a finished folder in the place of another one, in a single step."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def flush(folder: Path) -> None:
    """Have everything under ``folder`` on the disk, names included."""
    for file in [*folder.rglob("*"), folder]:
        handle = os.open(file, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def exchange(fresh: Path, place: Path) -> None:
    """Swap two folders of one file system atomically: who looks sees the one or the other, whole.

    Afterwards ``fresh`` is the old folder, which those who have its files open still need.
    """
    place.mkdir(parents=True, exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, bytes(fresh), _AT_FDCWD, bytes(place), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot exchange {fresh} and {place}: {os.strerror(number)}")
    for parent in {fresh.parent, place.parent}:
        handle = os.open(parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
