"""What a run has kept of its checks, as much of it as a page can hold.

The folder may be an artifact that came from anywhere: nothing is followed out of it, and what calls itself a
picture is one only by its first bytes.
"""

from __future__ import annotations

import contextlib
import os
import stat
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.outward import told
from harness.text import beginning, decoded
from harness.verdict.document import CheckPart
from harness.verdict.evidence import safe_name
from harness.verdict.page.short import LONGEST, short

_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
"""Their first bytes."""
_LARGEST_PICTURE = 3 << 20
_MOST_FILES = 30  # of one check
_ROOM = 16 << 20
"""Of all that a page shows of evidence. A browser on a phone has to open it."""


@dataclass(frozen=True)
class Kept:
    """A file: its text, or the address of its picture; where it is not shown, why."""

    name: str
    text: str = ""
    picture: str = ""
    left_out: str = ""


@dataclass
class Evidence:
    """The folder of one run, and how much of it the page can still take. Who asks first is shown first."""

    folder: Path | None
    room: int = _ROOM
    _inside: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.folder is not None:
            self._inside = {one.name: one for one in _entries(self.folder) if _is_folder(one)}

    def of(self, check: CheckPart) -> list[Kept]:
        """What there is of a check, pictures first."""
        mine = self._inside.get(Path(check.evidence).name or safe_name(told(check.name)))
        if mine is None:
            return []
        files = sorted(_entries(mine), key=lambda one: (one.suffix not in (".png", ".jpg"), one.name))
        kept = [self._kept(file) for file in files[:_MOST_FILES]]
        if more := files[_MOST_FILES:]:
            kept.append(Kept(f"{len(more)} more files", left_out="they are in the evidence"))
        return kept

    def _kept(self, file: Path) -> Kept:
        name = told(file.name)
        try:
            content, size = _read(file)
        except OSError as error:
            return Kept(name, left_out=error.strerror or "it cannot be read")
        kind = next((kind for head, kind in _PICTURES.items() if content.startswith(head)), "")
        if not kind and b"\x00" in content:
            return Kept(name, left_out=f"{size} bytes that are neither text nor a picture")
        text = "" if kind else _shown(content, size)
        takes = size if kind else len(text)
        if takes > self.room or (kind and size > _LARGEST_PICTURE):
            return Kept(name, left_out=f"{size} bytes, for which there is no room here")
        self.room -= takes
        return Kept(name, text, f"data:{kind};base64,{b64encode(content).decode()}" if kind else "")


def _shown(content: bytes, size: int) -> str:
    """The beginning of a text by the door out."""
    text = short(told(beginning(decoded(content), LONGEST)))
    return text if size <= len(content) else f"{text}\n… of {size} bytes"


def _entries(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from folder.iterdir()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _read(file: Path) -> tuple[bytes, int]:
    """The beginning of a file, and how large it is.

    :raises OSError: it cannot be read, or is none.
    """
    opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(opened, "rb") as stream:
        what = os.fstat(opened)
        if not stat.S_ISREG(what.st_mode):
            raise OSError(0, "it is no file")
        return stream.read(_LARGEST_PICTURE + 1), what.st_size
