"""The machine's golden snapshot: its parts are written here, its own Firecracker boots them and takes it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.run import environment
from lab.image import inside, manifest
from lab.image.chamber import BuildError, run_in_chamber
from lab.minipc import access, keys
from lab.minipc.host import Host
from lab.minipc.kvm import state, vmm
from lab.paths import STATE_ON_HOST, LabPaths

VMM = "/usr/local/bin/firecracker"


def kept_manifest(paths: LabPaths) -> Path:
    """The manifest of the snapshot that the machine has, as it was when that was built."""
    return paths.kvm / "manifest.json"


def why_rebuild(paths: LabPaths) -> str:
    """Why the machine's snapshot is not the one that would be built now; empty where it is."""
    kept = kept_manifest(paths)
    if not kept.exists() or not state.file(paths).exists():
        return "there is none yet"
    known = json.loads(kept.read_text())["inputs"]
    return manifest.why_changed(known, manifest.current_inputs(paths, vmm.chosen(paths)))


@contextmanager
def parts(paths: LabPaths) -> Iterator[Path]:
    """A folder with disk, kernel and initrd, while the block runs."""
    for leftover in paths.cache.glob("parts.*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(dir=paths.cache, prefix="parts.") as folder:
        run_in_chamber("lab.image.parts", paths, folder, vmm.chosen(paths))
        yield Path(folder)


def build(paths: LabPaths, host: Host) -> None:
    """Have the machine take it.

    :raises BuildError: it could not; what it said is on the screen.
    """
    kept_manifest(paths).unlink(missing_ok=True)
    project, packages = state.HOME / state.PROJECT, state.HOME / state.PYTHON
    told = (f"LAB_HOME={state.HOME}", f"PYTHONPATH={project}:{packages}")
    module = ("python3", "-m", inside.__name__, state.HOME / state.PARTS, VMM)
    words = host.inside(["env", "-C", project, *told, *module])
    status = subprocess.run(
        words, stdin=subprocess.DEVNULL, env=environment(), timeout=inside.TIMEOUT_S * 2, check=False
    ).returncode
    if status != 0:
        raise BuildError(
            f"the golden snapshot could not be taken in the machine: status {status}",
            hint=f"python -m lab shell, then look into {state.HOME}/build",
        )
    said = access.ask(host, "cat", STATE_ON_HOST / "snapshots/manifest.json").stdout
    keys.write_private(kept_manifest(paths), said)
    access.ask(host, "rm", "-rf", state.HOME / state.PARTS)
