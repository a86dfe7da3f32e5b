"""Runs on the lab's host as root: what a run could leave there. Python 3.9, standard library only.

The argument is JSON: ``folders``, whose entries are told, and ``others``, folders of what is VMs', which
others judge. Prints JSON: ``processes``, without ourselves, and ``things``, a kind and a name each.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
_ACCEPTS = 0x10000
"""Flag of a socket that listens."""
_PER_RUN = ("/run/user/", "/proc/", "/sys/fs/cgroup/")
"""Places of what comes and goes with a login."""
_KERNEL = 2
"""The pid that all threads of the kernel have for a parent, where they can be seen."""


def processes() -> list[dict[str, Any]]:
    """All but us, who asked for us, and what the kernel runs."""
    found = {one["pid"]: one for one in filter(None, map(_process, _PROC.iterdir()))}
    own = set(_ancestors(os.getpid(), found))
    return [
        one for one in found.values() if one["pid"] not in own and _KERNEL not in (one["pid"], one["parent"])
    ]


def _process(folder: Path) -> dict[str, Any] | None:
    if not folder.name.isdigit():
        return None
    try:
        name, _, rest = (folder / "stat").read_text("utf-8", "replace").partition("(")[2].rpartition(")")
        fields = rest.split()
        group = (folder / "cgroup").read_text("utf-8", "replace").strip().rpartition("/")[2]
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        descriptors = len(os.listdir(folder / "fd"))  # noqa: PTH208 - only how many
    except OSError:  # it has ended meanwhile
        return None
    return {
        "pid": int(folder.name),
        "parent": int(fields[1]),
        "started": int(fields[19]),
        "unit": group,
        "name": f"{name} (defunct)" if fields[0] == "Z" else name,
        "command": command[:200],
        "descriptors": descriptors,
    }


def _ancestors(pid: int, known: dict[int, dict[str, Any]]) -> Iterator[int]:
    while pid in known and pid != 1:
        yield pid
        pid = known[pid]["parent"]


def things(folders: Iterable[str], others: Iterable[str]) -> Iterator[str]:
    """All else."""
    for name in _entries("/run/netns"):
        yield f"namespace {name}"
    for name in _entries("/sys/class/net"):
        kind = "tap" if Path("/sys/class/net", name, "tun_flags").exists() else "link"
        yield f"{kind} {name}"
    theirs = tuple(f"{folder.rstrip('/')}/" for folder in others)
    for path in _listening():
        if not path.startswith((*theirs, *_PER_RUN)):
            yield f"socket {path}"
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines():
        place = line.split()[4]
        if not place.startswith((*theirs, *_PER_RUN)):
            yield f"mount {place}"
    for folder in folders:
        yield from (f"entry {folder}/{name}" for name in _entries(folder))


def _listening() -> Iterator[str]:
    for line in Path("/proc/net/unix").read_text("utf-8", "replace").splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and int(fields[3], 16) & _ACCEPTS:
            yield fields[7]


def _entries(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names are wanted
    except OSError:
        return []


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    json.dump({"processes": processes(), "things": sorted(things(**asked))}, sys.stdout)
