"""What a run has on a host, laid down in folders in place of the host's own."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from harness.custodian import owner
from harness.custodian.owner import Owner


def ended_process() -> int:
    """The pid of a process that is no more."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def owner_of(run: str, host_folders: Path, *, alive: bool = False, **other: Any) -> Owner:
    """The owner of a run: this process, or one that is no more."""
    mine = Owner.myself(run, host_folders / "disks" / run)
    dead = {} if alive else {"pid": ended_process(), "start": 1}
    return dataclasses.replace(mine, **{**dead, **other})


def leave_run(host_folders: Path, run: str, *, clones: int = 1, **said: Any) -> Path:
    """All that a run has on a host, its owner as :func:`owner_of` makes it; its directory."""
    folder, disks = host_folders / "run" / run, host_folders / "disks" / run
    one = owner_of(run, host_folders, **said)
    for place in (folder, disks):
        owner.claim(place, one, mode=0o700)
    for number in range(1, clones + 1):
        (folder / str(number)).mkdir()
        (folder / str(number) / "api.sock").touch()
        (folder / f"{number}.json").write_text(json.dumps({"name": f"{run}-{number}", "pid": None}))
        (disks / f"{number}.ext4").touch()
        (host_folders / "netns" / f"{run}-{number}").touch()
    return folder


def left(host_folders: Path) -> list[str]:
    """Everything there, as relative paths."""
    return sorted(os.path.relpath(path, host_folders) for path in host_folders.glob("*/*"))
