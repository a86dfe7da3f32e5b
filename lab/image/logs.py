"""What a build leaves to be looked into: its VMs' consoles and sockets, and the host key they were known by.

Others may keep things in a folder of that name in the lab's home: nothing else in it is touched.
"""

from __future__ import annotations

from pathlib import Path

from lab.paths import LabPaths

NAMES = ("known_hosts", "boot.log", "boot.sock", "verify.log", "verify.sock")


def files(paths: LabPaths) -> list[Path]:
    """All that a build may leave."""
    return [paths.build_logs / name for name in NAMES]


def fresh_folder(paths: LabPaths) -> Path:
    """The folder, without what the last build left: no VMM starts where there is a socket already."""
    paths.build_logs.mkdir(exist_ok=True)
    for file in files(paths):
        file.unlink(missing_ok=True)
    return paths.build_logs
