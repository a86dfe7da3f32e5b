"""Whether this machine's own KVM will do, seen by a guest that comes up in it.

``/dev/kvm`` that can be opened, and a virtual machine that can be made in it, prove nothing: there are hosts
where no guest's first instruction is ever run. And the lab's machine needs to have KVM itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from harness.run import environment

DEVICE = Path("/dev/kvm")
NESTED = tuple(Path("/sys/module", module, "parameters/nested") for module in ("kvm_intel", "kvm_amd"))
CAME_UP = b"Kernel panic - not syncing: VFS"
"""The end of a kernel that has come up and finds no root disk."""
DEADLINE_S = 10.0
_BOOT_ARGS = "console=ttyS0 reboot=k panic=-1"


def works(firecracker: Path, kernel: Path) -> bool:
    """Whether a guest comes up in it, and may have KVM in its turn."""
    return os.access(DEVICE, os.R_OK | os.W_OK) and nests(NESTED) and comes_up(firecracker, kernel)


def nests(parameters: tuple[Path, ...]) -> bool:
    """Whether a module of KVM says that its guests may have KVM."""
    return any(file.exists() and file.read_text().strip() in ("Y", "1") for file in parameters)


def comes_up(firecracker: Path, kernel: Path, *, deadline_s: float = DEADLINE_S) -> bool:
    """Whether this kernel comes up in this VMM in time."""
    config = {
        "boot-source": {"kernel_image_path": str(kernel), "boot_args": _BOOT_ARGS},
        "drives": [],
        "machine-config": {"vcpu_count": 1, "mem_size_mib": 256},
    }
    with tempfile.TemporaryDirectory(prefix="acceptance-probe-") as folder:
        file = Path(folder, "config.json")
        file.write_text(json.dumps(config))
        words: list[str | Path] = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            firecracker,
            "--no-api",
            "--config-file",
            file,
        ]
        return _says(words, Path(folder, "console"), deadline_s)


def _says(words: list[str | Path], console: Path, deadline_s: float) -> bool:
    with console.open("wb") as output:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment()
        )
    try:
        ends = time.monotonic() + deadline_s
        while process.poll() is None and time.monotonic() < ends and CAME_UP not in console.read_bytes():
            time.sleep(0.05)
        return CAME_UP in console.read_bytes()
    finally:
        process.kill()
        process.wait(timeout=30)
