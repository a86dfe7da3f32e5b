"""Runs ON the host, as root: files in an ext4 disk that nobody mounts. Python 3.9, standard library only.

The argument is JSON: the disk, paths in it and, where contents are wanted, how many bytes of each at most.
Prints ``{path: {"sha256", "size"} | {"content"} | {"names"} | {"error"}}``: names are a folder's.
debugfs follows the links among a path's folders; one that stands for the file itself is followed here.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import subprocess
import sys
import tempfile
from typing import Any

ENVIRONMENT = {"DEBUGFS_PAGER": "__none__", "LC_ALL": "C.UTF-8"}
LINKS = 40
"""As many as Linux follows."""
INODE = re.compile(rb"Type: (?P<kind>.+?) +Mode:.*?Size: (?P<size>\d+)", re.DOTALL)
KIND = re.compile(rb"Type: (\w+)")
NO_PATH = re.compile(r'["\x00-\x1f]')
"""In what could not be told to debugfs as one word."""
LONGEST_LINK = 4096
NO_EXT4 = "debugfs (for ext2, ext3 and ext4) cannot open it"
SHORT_LINK = re.compile(rb'^Fast link dest: "(.*)"$', re.MULTILINE)


def debugfs(disk: str, verb: str, path: str) -> tuple[bytes, str]:
    """What a command of debugfs printed, and what it complained of."""
    done = subprocess.run(
        command(disk, verb, path), stdin=subprocess.DEVNULL, capture_output=True, env=ENVIRONMENT, check=False
    )
    return done.stdout, complained(done.stderr)


def command(disk: str, verb: str, path: str) -> list[str]:
    """A command of debugfs, which opens the disk to read."""
    return ["/usr/sbin/debugfs", "-c", "-R", f'{verb} "{path}"', disk]


def complained(stderr: bytes) -> str:
    """What debugfs complained of, without its version."""
    lines = stderr.decode("utf-8", "replace").splitlines()[1:]
    return "; ".join(line.strip() for line in lines)[-500:]


def read(disk: str, path: str, links: int = 0) -> dict[str, Any]:
    """A file's size and digest, or why there are none."""
    if NO_PATH.search(path):
        return {"error": "debugfs cannot be asked for a path with quotes or control characters"}
    shown, complaint = debugfs(disk, "stat", path)
    inode = INODE.search(shown)
    if inode is None and "Filesystem not open" in complaint:
        return {"error": f"{NO_EXT4}: {complaint}"}
    if inode is None:
        leads = "a link leads to nothing: " if links else ""
        return {"error": f"{leads}{complaint or path}"}
    if inode["kind"] == b"symlink":
        if links == LINKS:
            return {"error": "a loop of links"}
        return read(disk, target(disk, path, shown), links + 1)
    if inode["kind"] != b"regular":
        return {"error": f"{path} is no file, but: {inode['kind'].decode()}"}
    size, digest, complaint = hashed(disk, path)
    if size != int(inode["size"]):
        return {"error": f"{size} of {int(inode['size'])} bytes can be read: {complaint}"}
    return {"sha256": digest, "size": size}


def shown(disk: str, path: str, most: int, links: int = 0) -> dict[str, Any]:
    """A file's text, or the names in a folder, or why there is neither."""
    if NO_PATH.search(path):
        return {"error": "debugfs cannot be asked for a path with quotes or control characters"}
    told, complaint = debugfs(disk, "stat", path)
    kind = KIND.search(told)
    if kind is None or links == LINKS:
        return {"error": complaint or path}
    if kind[1] == b"symlink":
        return shown(disk, target(disk, path, told), most, links + 1)
    if kind[1] == b"directory":
        rows = debugfs(disk, "ls -p", path)[0].decode("utf-8", "surrogateescape").splitlines()
        names = (row.split("/")[5] for row in rows if row.count("/") >= 6)
        return {"names": [name for name in names if name not in (".", "..", "")]}
    if kind[1] != b"regular":
        return {"error": f"{path} is no file"}
    return {"content": debugfs(disk, "cat", path)[0][:most].decode("utf-8", "surrogateescape")}


def hashed(disk: str, path: str) -> tuple[int, str, str]:
    """How many bytes of a file can be read, their digest, and what debugfs complained of."""
    total, size = hashlib.sha256(), 0
    with tempfile.TemporaryFile() as complaint:
        with subprocess.Popen(
            command(disk, "cat", path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaint,
            env=ENVIRONMENT,
        ) as program:
            for block in iter(lambda: program.stdout.read(1 << 20), b""):  # type: ignore[union-attr]
                total.update(block)
                size += len(block)
        complaint.seek(0)
        return size, total.hexdigest(), complained(complaint.read(1 << 16))


def target(disk: str, link: str, shown: bytes) -> str:
    """Where a link leads; a long one keeps that in a block, as a file its bytes."""
    short = SHORT_LINK.search(shown)
    text = short[1] if short else debugfs(disk, "cat", link)[0][:LONGEST_LINK]
    return posixpath.join(posixpath.dirname(link), text.decode("utf-8", "surrogateescape"))


def main() -> None:
    """Read all paths."""
    disk, paths, *most = json.loads(sys.argv[1] if sys.argv[1] != "-" else sys.stdin.read())
    try:
        answer = {path: shown(disk, path, *most) if most else read(disk, path) for path in paths}
    except OSError as error:
        why = f"debugfs (package e2fsprogs): {error.strerror}"
        answer = {path: {"error": why} for path in paths}
    print(json.dumps(answer))


main()
