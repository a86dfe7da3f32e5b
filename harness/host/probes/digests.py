"""Runs ON the host, as root: sha256 of large files, side by side. Python 3.9, standard library only.

The argument is JSON: ``paths``; ``mode``: ``fresh`` reads every file, ``changed`` those whose digest is not
remembered, ``known`` none; ``memory``, the file that remembers; ``beside``: whether others are to come first.
Prints JSON: path -> what it is, with its ``sha256``, or why there is none.

A digest is remembered under what the kernel says of the file: device, inode, size, and the times of its last
changes, of which nobody sets the second. It counts in the boot that it was measured in, since nobody tells
what was done to the disk in between; and only where the file had rested when it was read, since two changes
may carry one time. What another user could have written is not believed, and not written to.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import json
import os
import stat
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

Found = dict[str, Any]

BLOCK = 1 << 20
RESTED_NS = 2_000_000_000
"""A file that changed so shortly before may change once more within one tick of the clock."""
MOST = 256
"""Digests that are remembered; the latest ones."""
LARGEST = 1 << 20
FORMAT = 1


class UnreadableError(Exception):
    """Why a file has no digest."""


def told(status: os.stat_result) -> list[int]:
    """What names a content as long as nobody changes it."""
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def digest(path: str) -> Found:
    """Read a file to its end; it must stay as it is meanwhile."""
    before = time.time_ns()
    # A pipe would be waited for.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as file:
        first = os.fstat(file.fileno())
        if not (stat.S_ISREG(first.st_mode) or stat.S_ISBLK(first.st_mode)):
            raise UnreadableError("is no file")
        with contextlib.suppress(OSError):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        total, size, block = hashlib.sha256(), 0, memoryview(bytearray(BLOCK))
        while count := file.readinto(block):
            total.update(block[:count])
            size += count
        if told(os.fstat(file.fileno())) != told(first):
            raise UnreadableError("it changed while it was read")
    # The device that a name stands for has no times of its content.
    rested = stat.S_ISREG(first.st_mode) and first.st_ctime_ns < before - RESTED_NS
    return {"sha256": total.hexdigest(), "size": size, "id": told(first), "rested": rested}


def look(path: str, mode: str, remembered: dict[str, str]) -> Found:
    """One file: what is remembered of it, or what is read."""
    try:
        if mode != "fresh":
            status = Path(path).stat()
            known = remembered.get(key(told(status))) if stat.S_ISREG(status.st_mode) else None
            if known:
                return {"sha256": known, "size": status.st_size, "id": told(status), "remembered": True}
            if mode == "known":
                return {"error": "not read", "size": status.st_size, "id": told(status)}
        return digest(path)
    except OSError as error:
        return {"error": error.strerror or str(error)}
    except UnreadableError as error:
        return {"error": str(error)}


def key(identity: list[int]) -> str:
    """An identity as a key of JSON."""
    return ":".join(map(str, identity))


def boot() -> str:
    """This boot of this machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def is_ours(status: os.stat_result, kind: int) -> bool:
    """Whether nobody else can have written it."""
    return (
        stat.S_IFMT(status.st_mode) == kind
        and status.st_uid == os.geteuid()
        and not stat.S_IMODE(status.st_mode) & 0o077
    )


def private_folder(folder: Path) -> bool:
    """Whether the folder is ours alone, and nobody can put another in its place."""
    above = [one.lstat() for one in folder.parents]
    fixed = all(
        one.st_uid in (0, os.geteuid()) and (not one.st_mode & 0o022 or one.st_mode & stat.S_ISVTX)
        for one in above
    )
    return fixed and is_ours(folder.lstat(), stat.S_IFDIR)


def recall(memory: Path) -> dict[str, str]:
    """What is remembered in this boot; nothing where it cannot be believed."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if not private_folder(memory.parent):
            return {}
        with os.fdopen(os.open(memory, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not is_ours(status, stat.S_IFREG) or status.st_nlink != 1 or status.st_size > LARGEST:
                return {}
            said = json.loads(file.read(LARGEST + 1))
        if (said.get("format"), said.get("boot")) == (FORMAT, boot()):
            return {str(one): str(other) for one, other in said["digests"].items()}
    return {}


def remember(memory: Path, digests: dict[str, str]) -> None:
    """Have these remembered, whole or not at all; where that cannot be, they are read again."""
    with contextlib.suppress(OSError):
        with contextlib.suppress(FileExistsError):
            memory.parent.mkdir(0o700)
        if not private_folder(memory.parent):
            return
        kept = dict(list(digests.items())[-MOST:])
        handle, fresh = tempfile.mkstemp(dir=memory.parent)  # mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                json.dump({"format": FORMAT, "boot": boot(), "digests": kept}, file)
            Path(fresh).replace(memory)
        except OSError:
            Path(fresh).unlink()
            raise


def main() -> None:
    """Look at all of them, side by side."""
    ask = json.loads(sys.argv[1])
    memory, lock = Path(ask["memory"]), threading.Lock()
    if ask["beside"]:
        os.nice(10)
    remembered = recall(memory)

    def one(path: str) -> Found:
        found = look(path, ask["mode"], remembered)
        if found.pop("rested", False):
            with lock:  # at once: the next file may take longer than anybody waits
                fresh = {**recall(memory), key(found["id"]): found["sha256"]}
                remember(memory, fresh)
        return found

    paths = list(dict.fromkeys(ask["paths"]))
    with concurrent.futures.ThreadPoolExecutor(max(1, min(len(paths), os.cpu_count() or 1))) as pool:
        print(json.dumps(dict(zip(paths, pool.map(one, paths)))))  # noqa: B905 - Python 3.9


main()
