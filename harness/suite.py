"""What this suite is: its version, and a digest of all by which it judges."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LAYERS = ("host", "guest", "db", "session")
_FOLDERS = ("harness", "fixtures", *(f"tests/{layer}" for layer in _LAYERS))
_FILES = ("conftest.py", "pytest.ini", "requirements.lock")


def version(root: Path = ROOT) -> str:
    """The version that the project names."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


def checks_digest(root: Path = ROOT, own: Iterable[Path] = ()) -> str:
    """sha256 over the names and contents of the checks, and of what they judge by.

    What a library does is in it by the locked versions.

    :param own: folders with checks of the operator's own. All that lies in one counts; where it lies, and in
        which order several are named, does not.
    """
    total = _digest_of(root, _judging(root))
    for digest in sorted(_digest_of(folder, _inside(folder)).digest() for folder in own):
        total.update(digest)
    return total.hexdigest()


def _digest_of(root: Path, files: Iterable[Path]) -> hashlib._Hash:
    total = hashlib.sha256()
    for file in sorted(files):
        name, content = os.fsencode(file.relative_to(root)), file.read_bytes()
        total.update(b"%d:%s%d:" % (len(name), name, len(content)))
        total.update(content)
    return total


def _judging(root: Path) -> Iterator[Path]:
    yield from (root / name for name in _FILES)
    for folder in _FOLDERS:
        for file in (root / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith("."):
                yield file


def _inside(folder: Path) -> Iterator[Path]:
    """Every file, also where a link leads to its folder, as pytest reads them; nothing that is hidden."""
    seen: set[str] = set()
    for place, inner, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            inner.clear()
            continue
        seen.add(real)
        inner[:] = [name for name in inner if name != "__pycache__" and not name.startswith(".")]
        paths = (Path(place, name) for name in files if not name.startswith("."))
        yield from (path for path in paths if path.is_file())
