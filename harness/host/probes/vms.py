"""Runs ON the host, as root: the suite's VMs there, those that are kept for a look among them. Python 3.9,
standard library only.

The argument is JSON: ``runs``, the folder with a folder for each run, and at most one of ``drop``, the name
of a VM that is kept no more, and ``console``, that of one whose console is wanted. Prints JSON: ``vms`` that
there are then, of each its ``name``, whether its VMM ``runs``, and what is ``kept`` on record of it, or null;
``failures`` of what was to be dropped, null where no keeper did it; and ``console``, its newest part, with
``before``, the bytes that are left out. What is no note of ours is passed over.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LONGEST = 64 << 10
_CONSOLE = 4 << 20
_DROP_S = 60.0


def read(note: Path) -> Any:
    """What a note says; neither a link is followed nor a pipe waited for."""
    with opened(note) as handle:
        return json.loads(os.read(handle, _LONGEST))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """A file, and nothing else."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path} is no file")
        yield handle
    finally:
        os.close(handle)


def runs(pid: Any, start: Any) -> bool:
    """Whether that very process does."""
    try:
        fields = Path(f"/proc/{int(pid)}/stat").read_bytes().rsplit(b")", 1)[1].split()
    except (OSError, ValueError, TypeError):
        return False
    return fields[0] not in (b"Z", b"X") and int(fields[19]) == start


def note_of(path: Path) -> dict[str, Any]:
    """What it says; nothing where it is none."""
    try:
        said = read(path)
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def vms(folder: str) -> list[dict[str, Any]]:
    """Those of runs whose custodians live."""
    found = []
    for note in sorted(Path(folder).glob("acc-*/[0-9]*.json")):
        owner, said = note_of(note.with_name("owner.json")), note_of(note)
        if not runs(owner.get("pid"), owner.get("start")) or not re.fullmatch("[0-9]+", note.stem):
            continue
        kept = note_of(note.with_name(f"kept-{note.name}"))
        name = f"{note.parent.name}-{note.stem}"
        found.append({"name": name, "runs": runs(said.get("pid"), said.get("start")), "kept": kept or None})
    return found


def drop(folder: str, name: str) -> Any:
    """Ask the keeper; what could not be removed."""
    run = name.rpartition("-")[0]
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(_DROP_S)
        try:
            asked.connect(str(Path(folder) / run / "keeper.sock"))
            asked.sendall(json.dumps({"drop": name}).encode() + b"\n")
            return json.loads(asked.makefile().readline())["failures"]
        except (FileNotFoundError, ConnectionError, ValueError):
            return None  # it went meanwhile, or is not listened to


def console(folder: str, name: str) -> dict[str, Any]:
    """The newest of what the guest's serial console has shown."""
    run, _, number = name.rpartition("-")
    try:
        with opened(Path(folder) / run / number / "console.log") as handle:
            size = os.fstat(handle).st_size
            first = max(0, size - _CONSOLE)
            newest = os.pread(handle, _CONSOLE, first)
    except OSError as error:
        return {"console": "", "before": 0, "error": str(error.strerror or error)}
    text = newest.lstrip(b"\0")  # the hole that a custodian makes of what is old
    before = first + len(newest) - len(text)
    return {"console": text.decode("utf-8", "replace"), "before": before, "error": ""}


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """What there is, and what was asked."""
    answer: dict[str, Any] = {}
    if "drop" in asked:
        answer["failures"] = drop(asked["runs"], asked["drop"])
    answer["vms"] = vms(asked["runs"])  # those that are there still
    if "console" in asked:
        answer.update(console(asked["runs"], asked["console"]))
    return answer


if __name__ == "__main__":
    json.dump(main(json.loads(sys.argv[1])), sys.stdout)
