"""The archive that Linux takes as its initial RAM disk ("newc" cpio)."""

from __future__ import annotations

import stat


class Archive:
    """Folders and files in memory, all root's, with no time of their own: same content, same bytes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._count = 0

    def add_folder(self, name: str) -> None:
        """Add a folder; its parents come first."""
        self._add(name, stat.S_IFDIR | 0o755, b"")

    def add_file(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        """Add a regular file."""
        self._add(name, stat.S_IFREG | mode, content)

    def close(self) -> bytes:
        """The whole archive, with the entry that ends it."""
        self._add("TRAILER!!!", 0, b"")
        return b"".join(self._parts)

    def _add(self, name: str, mode: int, content: bytes) -> None:
        self._count += 1
        path = name.encode() + b"\x00"
        # inode, mode, uid, gid, links, mtime, size, 4 device numbers, length of the name, checksum
        numbers = (self._count, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
        head = b"070701" + b"".join(b"%08X" % number for number in numbers) + path
        self._parts += [_padded(head), _padded(content)]


def _padded(part: bytes) -> bytes:
    return part + b"\x00" * (-len(part) % 4)
