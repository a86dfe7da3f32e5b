"""Making a finished snapshot golden, by the door that every promotion goes by."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.errors import HarnessError
from harness.host.golden.door import PROMOTE, UNFINISHED
from harness.run import run
from lab.image import golden

_ROLES = {
    "vmstate": golden.VMSTATE.name,
    "memory": golden.MEMORY.name,
    "disk": golden.DISK.name,
    "kernel": golden.KERNEL.name,
    "initrd": golden.INITRD.name,
    "manifest": "manifest.json",
}


def publish(fresh: Path, place: Path) -> None:
    """Have the files of one folder golden in another, all at once; the former ones are kept as the previous.

    :raises HarnessError: nothing was changed, or it is not done to its end, and why.
    """
    place.mkdir(parents=True, exist_ok=True)
    files = {role: str(place / name) for role, name in _ROLES.items()}
    ask = {"act": "promote", "files": files, "source": str(fresh)}
    # A few seconds where the file system has reflinks, as the lab's has.
    said = json.loads(run([sys.executable, "-I", "-S", PROMOTE, json.dumps(ask)], timeout_s=600).stdout)
    if why := said.get("refused"):
        raise HarnessError(f"{place} stays as it is: {why}")
    if why := said.get("unfinished"):
        raise HarnessError(f"{UNFINISHED}: {place}: {why}", hint="build again: that finishes it first")
