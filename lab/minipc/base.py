"""The golden disk for a deployment that boots every VM from a copy: a folder with disk and kernel alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from harness.run import run
from lab.image import golden
from lab.paths import STATE_ON_HOST, LabPaths

FOLDER = "base"
DISK = "golden-browser-rootfs.ext4"
KERNEL = "vmlinux"
INITRD = "initrd.img"
DEFAULTS = "vm-defaults.json"
"""What the controller boots every VM with."""


def on_host(name: str) -> Path:
    """Where the host has a file of it."""
    return STATE_ON_HOST / "snapshots" / FOLDER / name


def prepare(paths: LabPaths) -> None:
    """Have it of the golden snapshot as it is now, whole or not at all.

    It is made anew each time, which a reflink costs nothing: its time then tells that it is not older than
    what the golden snapshot was built from, and that was held to digests just before.
    """
    folder = paths.snapshots / FOLDER
    fresh = folder.with_name(f"{FOLDER}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for source, name in ((golden.DISK, DISK), (golden.KERNEL, KERNEL), (golden.INITRD, INITRD)):
        run(
            ["cp", "--reflink=auto", "--sparse=always", paths.snapshots / source.name, fresh / name],
            timeout_s=300,
        )
    manifest = json.loads(paths.manifest.read_text())
    kept = {name: manifest[name] for name in ("vcpus", "memory_mib", "boot_args")}
    (fresh / DEFAULTS).write_text(json.dumps(kept, indent=2) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
