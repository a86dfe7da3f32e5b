"""What this suite is: its version, and a digest of all by which it judges."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LAYERS = ("host", "guest", "db", "session")
_FOLDERS = ("harness", "fixtures", *(f"tests/{layer}" for layer in _LAYERS))
_FILES = ("conftest.py", "pytest.ini", "requirements.lock")


def version(root: Path = ROOT) -> str:
    """The version that the project names."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


def checks_digest(root: Path = ROOT) -> str:
    """sha256 over the names and contents of the checks, and of what they judge by.

    What a library does is in it by the locked versions.
    """
    total = hashlib.sha256()
    for file in sorted(_judging(root)):
        name, content = file.relative_to(root).as_posix().encode(), file.read_bytes()
        total.update(b"%d:%s%d:" % (len(name), name, len(content)))
        total.update(content)
    return total.hexdigest()


def _judging(root: Path) -> Iterator[Path]:
    yield from (root / name for name in _FILES)
    for folder in _FOLDERS:
        for file in (root / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith("."):
                yield file
