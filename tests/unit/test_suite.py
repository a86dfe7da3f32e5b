"""The digest of the checks: another one whenever anything changes by which they judge."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.suite import ROOT, checks_digest, version


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of one as counts."""
    for name in ("conftest.py", "pytest.ini", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text(name)
    for name in ("tests/host/test_a.py", "harness/host/probes/a.sh", "fixtures/a.py", "tests/unit/test_a.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("tests/host/test_a.py", True),
        ("harness/host/probes/a.sh", True),
        ("fixtures/a.py", True),
        ("requirements.lock", True),
        ("tests/session/test_new.py", True),
        ("tests/unit/test_a.py", False),
        ("harness/__pycache__/a.pyc", False),
        ("docs/a.md", False),
    ],
)
def test_what_counts(checkout: Path, name: str, counts: bool) -> None:
    before = checks_digest(checkout)
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text("changed")
    assert (checks_digest(checkout) != before) is counts


def test_a_name_counts_and_a_place_does_not(checkout: Path, tmp_path: Path) -> None:
    before = checks_digest(checkout)
    moved = shutil.copytree(checkout, tmp_path / "moved")
    assert checks_digest(moved) == before
    (moved / "fixtures/a.py").rename(moved / "fixtures/b.py")
    assert checks_digest(moved) != before


def test_the_projects_own() -> None:
    assert version().count(".") == 2
    assert len(checks_digest(ROOT)) == 64


def test_all_of_a_folder_of_the_operators_own_counts(checkout: Path, tmp_path: Path) -> None:
    """Also where a link leads to; not what is hidden, nor where it lies, nor in which order several come."""
    one, other, linked = (tmp_path / name for name in ("one", "other", "linked"))
    for folder in (one, other, linked):
        (folder / "host").mkdir(parents=True)
        (folder / "host" / "test_a.py").write_text(folder.name)
    (one / "more").symlink_to(linked)
    (linked / "back").symlink_to(one)  # leads in a circle
    before = checks_digest(checkout, [one, other])
    assert before not in {checks_digest(checkout), checks_digest(checkout, [one])}
    assert checks_digest(checkout, [other, one]) == before
    assert checks_digest(checkout, [other.rename(tmp_path / "moved"), one]) == before
    (one / ".git").mkdir()
    (one / ".git" / "index").write_text("changed")
    assert checks_digest(checkout, [tmp_path / "moved", one]) == before
    (linked / "host" / "limits.json").write_text("changed")
    assert checks_digest(checkout, [tmp_path / "moved", one]) != before


def test_any_name_of_a_file_counts(checkout: Path, tmp_path: Path) -> None:
    """Also one that is no UTF-8, such as an archive of other days leaves."""
    own = tmp_path / "own"
    own.mkdir()
    before = checks_digest(checkout, [own])
    (own / "caf\udce9.json").write_text("{}")
    assert checks_digest(checkout, [own]) != before
