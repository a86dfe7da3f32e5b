"""Runs ON the host, as root: files in an ext4 disk that nobody mounts. Python 3.9, standard library only.

The argument is JSON: the disk, and paths in it. Prints ``{path: {"content": base64} | {"error": text}}``.
debugfs follows the links among a path's folders; one that stands for the file itself is followed here.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
import subprocess
import sys

LINKS = 40
"""As many as Linux follows."""
INODE = re.compile(rb"Type: (?P<kind>.+?) +Mode:.*?Size: (?P<size>\d+)", re.DOTALL)
SHORT_LINK = re.compile(rb'^Fast link dest: "(.*)"$', re.MULTILINE)


def debugfs(disk: str, verb: str, path: str) -> tuple[bytes, str]:
    """What a command of debugfs printed, and what it complained of."""
    done = subprocess.run(
        ["/usr/sbin/debugfs", "-c", "-R", f'{verb} "{path}"', disk],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={"DEBUGFS_PAGER": "__none__", "LC_ALL": "C.UTF-8"},
        check=False,
    )
    lines = done.stderr.decode("utf-8", "replace").splitlines()[1:]  # the first is its version
    return done.stdout, "; ".join(line.strip() for line in lines)[-500:]


def read(disk: str, path: str, links: int = 0) -> dict[str, str]:
    """A file's bytes, or why there are none."""
    shown, complaint = debugfs(disk, "stat", path)
    inode = INODE.search(shown)
    if inode is None:
        leads = "a link leads to nothing: " if links else ""
        return {"error": f"{leads}{complaint or path}"}
    if inode["kind"] == b"symlink":
        if links == LINKS:
            return {"error": "a loop of links"}
        return read(disk, target(disk, path, shown), links + 1)
    if inode["kind"] != b"regular":
        return {"error": f"{path} is no file, but: {inode['kind'].decode()}"}
    content, complaint = debugfs(disk, "cat", path)
    if len(content) != int(inode["size"]):
        return {"error": f"{len(content)} of {int(inode['size'])} bytes can be read: {complaint}"}
    return {"content": base64.b64encode(content).decode()}


def target(disk: str, link: str, shown: bytes) -> str:
    """Where a link leads; a long one keeps that in a block, as a file its bytes."""
    short = SHORT_LINK.search(shown)
    text = short[1] if short else debugfs(disk, "cat", link)[0]
    return posixpath.join(posixpath.dirname(link), text.decode("utf-8", "replace"))


def main() -> None:
    """Read all paths."""
    disk, paths = json.loads(sys.argv[1])
    try:
        answer = {path: read(disk, path) for path in paths}
    except OSError as error:
        why = f"debugfs (package e2fsprogs): {error.strerror}"
        answer = {path: {"error": why} for path in paths}
    print(json.dumps(answer))


main()
