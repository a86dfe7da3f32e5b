"""Which Firecracker the machine has: the original that is fetched, or one that an operator has named."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.errors import UsageError
from lab import firecracker
from lab.paths import LabPaths

ORIGINAL = "original"
"""The word for the one that is fetched."""


def choose(paths: LabPaths, named: str) -> None:
    """Have the machine come up with this one from now on.

    :raises UsageError: there is no such file.
    """
    own = _own(paths)
    if named == ORIGINAL:
        own.unlink(missing_ok=True)
        return
    if not Path(named).is_file():
        raise UsageError(f"there is no Firecracker at {named}", hint="--firecracker=FILE")
    own.parent.mkdir(parents=True, exist_ok=True)
    fresh = own.with_suffix(".new")
    shutil.copyfile(named, fresh)
    fresh.chmod(0o755)
    fresh.replace(own)


def chosen(paths: LabPaths) -> Path:
    """The program, fetched first where it has to be."""
    own = _own(paths)
    return own if own.exists() else firecracker.original(paths) / "firecracker"


def _own(paths: LabPaths) -> Path:
    return paths.kvm / "firecracker"
