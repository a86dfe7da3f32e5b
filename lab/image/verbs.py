"""The verbs of ``python -m lab`` that are about the golden snapshot."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from lab import store
from lab.image import kernel, keys, login_library, manifest, packages
from lab.image.chamber import BUILD_TIMEOUT_S, HeldUpError, run_in_chamber
from lab.image.progress import steps
from lab.lock import held
from lab.paths import LabPaths, lab_paths

_TRIES = 3
"""So often a build is begun that was held up."""


def build(args: argparse.Namespace) -> int:
    """Have a golden snapshot that is made of what is here now."""
    build_browser(lab_paths(), force=args.force)
    return 0


def build_browser(paths: LabPaths, *, force: bool = False) -> bool:
    """Build the golden snapshot if an input changed, or in any case with ``force``; returns whether it did.

    :raises HarnessError: it could not be built; the old snapshot is as it was.
    """
    store.mount(paths)
    keys.ensure(paths)
    with held(paths.home / "build.lock"):
        inputs = manifest.current_inputs(paths)
        why = "forced" if force else manifest.why_rebuild(paths.snapshots, inputs)
        if not why:
            print(f"golden snapshot: up to date ({paths.snapshots})")
            return False
        began = time.monotonic()
        print(f"golden snapshot: building it ({why})", flush=True)
        # What comes from the network is fetched first: inside the chamber there is none.
        fetch(paths)
        assemble_in_chamber(paths)
        print(f"golden snapshot: built in {time.monotonic() - began:.0f} s ({paths.snapshots})")
        return True


def fetch(paths: LabPaths) -> None:
    """Have all that comes from the network."""
    with steps(3) as show:
        with show.step("packages (cached by their list)"):
            packages.base_disk(paths)
        with show.step("kernel and initrd"):
            kernel.fetch(paths)
        with show.step("the login tool's library"):
            login_library.node_modules(paths.cache)


def assemble_in_chamber(paths: LabPaths, *words: str | Path, timeout_s: float = BUILD_TIMEOUT_S) -> None:
    """Take the snapshot; ``words`` are those of :mod:`lab.image.assemble`."""
    for _ in range(_TRIES - 1):
        try:
            return run_in_chamber("lab.image.assemble", paths, *words, timeout_s=timeout_s)
        except HeldUpError as error:
            print(f"golden snapshot: {error.message}; building it again", flush=True)
    return run_in_chamber("lab.image.assemble", paths, *words, timeout_s=timeout_s)
