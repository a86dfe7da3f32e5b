"""Runs ON the host, as root: whether a clone's disk can be made where it is to lie. Python 3.9, standard
library only.

The argument is JSON: ``disk``, ``folder``, ``spare`` and ``limit_s``. Prints JSON. The disk is copied as a
clone's is, into a file that has no name: nothing is left of it, however this ends. VMs of others run there:
it is not copied where less than ``spare`` bytes would be left meanwhile, nor before anybody else who reads
and writes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FICLONE = 0x40049409


def nameless(folder: str) -> int:
    """A file in a folder, that goes when it is closed."""
    with contextlib.suppress(OSError):  # some file systems have none without a name
        return os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    handle, path = tempfile.mkstemp(prefix="acc-", dir=folder)
    Path(path).unlink()
    return handle


def is_shared(disk: str, copy: int) -> bool:
    """Whether the copy shares the disk's blocks, and so costs nothing."""
    with Path(disk).open("rb") as source:
        try:
            fcntl.ioctl(copy, FICLONE, source.fileno())
        except OSError:
            return False
    return True


def last_in_line() -> list[str]:
    """What lets a command wait for all others."""
    return ["nice", "-n", "19", *(["ionice", "-c", "3"] if shutil.which("ionice") else [])]


def copied(disk: str, copy: int, limit_s: float) -> dict[str, Any]:
    """How long a copy takes, or why there is none."""
    argv = [*last_in_line(), "cp", "--sparse=always", "--", disk, f"/proc/self/fd/{copy}"]
    began = time.monotonic()
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=(copy,),
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"late": True}
    said = done.stderr.decode("utf-8", "replace").strip()
    return {"error": said} if done.returncode else {"took_s": time.monotonic() - began}


def look(disk: str, folder: str, spare: int, limit_s: float) -> dict[str, Any]:
    """All there is to say."""
    try:
        size, at = Path(disk).stat(), Path(folder).stat()
        room = os.statvfs(folder)
        copy = nameless(folder)
    except OSError as error:
        return {"error": error.strerror, "path": error.filename or folder}
    needed, free = size.st_blocks * 512, room.f_bavail * room.f_frsize
    found = {"needed": needed, "free": free, "apart": size.st_dev != at.st_dev}
    try:
        if is_shared(disk, copy):
            return {**found, "shared": True}
        if free < needed + spare:
            return found
        return {**found, **copied(disk, copy, limit_s)}
    finally:
        os.close(copy)


def main() -> None:
    """Look, and try."""
    ask: dict[str, Any] = json.loads(sys.argv[1])
    json.dump(look(**ask), sys.stdout)


if __name__ == "__main__":
    main()
