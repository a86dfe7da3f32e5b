"""What in the lab's home is the lab's own: ``LAB_HOME`` may name a folder with other things in it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from lab import firecracker
from lab.image import logs
from lab.minipc import keys, tree
from lab.paths import LabPaths

_LOCKS = ("store.lock", "build.lock", "twin.lock", firecracker.LOCK)


def remove(paths: LabPaths) -> list[str]:
    """Delete all of it, once nothing runs and nothing is mounted; what stays is not the lab's: its names."""
    for file in _files(paths):
        file.unlink(missing_ok=True)
    tree.remove(paths.tiny_guest)
    tree.remove(paths.kvm)
    firecracker.remove(paths)
    for folder in (paths.keys, paths.build_logs, paths.store, paths.home):
        with suppress(OSError):  # somebody else's things are in it, or it is where a disk is mounted
            folder.rmdir()
    return sorted(entry.name for entry in paths.home.iterdir()) if paths.home.exists() else []


def _files(paths: LabPaths) -> list[Path]:
    secret = [*keys.files(paths), paths.site, paths.deployment, paths.host]
    half_written = [keys.half_written(file) for file in secret]
    store = [paths.store_file, paths.store_file.with_suffix(".new")]
    return [*store, *secret, *half_written, *logs.files(paths), *(paths.home / name for name in _LOCKS)]
