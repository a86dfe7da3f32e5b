"""What a built thing is made of, as digests: another digest means that it must be built again."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest_of_text(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_file(file: Path) -> str:
    """SHA-256 of a file's content."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def digest_of_tree(root: Path) -> str:
    """SHA-256 over the names, modes and contents of all files under ``root``, compiled Python aside."""
    files = sorted(file for file in root.rglob("*") if file.is_file() and file.suffix != ".pyc")
    lines = [
        f"{file.relative_to(root)} {file.stat().st_mode & 0o111:o} {digest_of_file(file)}" for file in files
    ]
    return digest_of_text("\n".join(lines))
