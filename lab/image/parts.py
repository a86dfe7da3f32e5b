"""The golden VM's disk, kernel and initrd: what needs packages, and no VMM.

Run as a module inside the chamber it writes them into a folder, for a build that goes on elsewhere.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from harness.errors import HarnessError
from harness.run import run
from lab.image import disk, golden, kernel, manifest, packages
from lab.paths import LabPaths, lab_paths

INPUTS = "inputs.json"
"""Beside them: what they are made of."""


def write(fresh: Path, paths: LabPaths) -> None:
    """Write all three."""
    guest_kernel = kernel.fetch(paths)
    disk.write_disk(
        fresh / golden.DISK.name, base=packages.base_disk(paths), kernel=guest_kernel, paths=paths
    )
    shutil.copyfile(guest_kernel.vmlinux, fresh / golden.KERNEL.name)
    shutil.copyfile(guest_kernel.initrd, fresh / golden.INITRD.name)


def take(parts: Path, fresh: Path) -> manifest.Inputs:
    """Copy them, for a build may be begun again; what they are made of."""
    for file in (golden.DISK, golden.KERNEL, golden.INITRD):
        run(["cp", "--reflink=auto", "--sparse=always", parts / file.name, fresh / file.name], timeout_s=300)
    inputs: manifest.Inputs = json.loads((parts / INPUTS).read_text())
    return inputs


def main(folder: str, vmm: str) -> int:
    """Entry of the module."""
    fresh, paths = Path(folder), lab_paths()
    try:
        inputs = manifest.current_inputs(paths, Path(vmm))
        write(fresh, paths)
        (fresh / INPUTS).write_text(json.dumps(inputs))
    except (HarnessError, OSError) as error:
        print(f"build browser: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
