"""The machine's golden snapshot is one of its own Firecracker's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import UsageError
from lab.digest import digest_of_file
from lab.image import manifest
from lab.minipc.kvm import golden, state, vmm
from lab.paths import LabPaths


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabPaths:
    """A lab whose machine has a snapshot that its Firecracker took."""
    monkeypatch.setattr(manifest, "current_inputs", lambda _paths, program: {"vmm": digest_of_file(program)})
    paths = LabPaths(tmp_path / "lab", tmp_path / "run")
    vmm.choose(paths, str(program(tmp_path, "1.12")))
    inputs = {"vmm": digest_of_file(vmm.chosen(paths))}
    golden.kept_manifest(paths).write_text(json.dumps({"inputs": inputs}))
    state.file(paths).touch()
    return paths


def program(folder: Path, version: str) -> Path:
    """A Firecracker of that version."""
    file = folder / f"firecracker-{version}"
    file.write_text(version)
    return file


def test_the_one_that_it_took_is_not_taken_again(paths: LabPaths) -> None:
    assert golden.why_rebuild(paths) == ""


def test_another_firecracker_takes_another_one(paths: LabPaths, tmp_path: Path) -> None:
    """A snapshot is of one version; one of ours stays ours when its file goes, or is updated."""
    one, other = program(tmp_path, "1.12"), program(tmp_path, "1.16")
    one.unlink()
    assert golden.why_rebuild(paths) == ""
    vmm.choose(paths, str(other))
    assert golden.why_rebuild(paths) == "changed since: vmm"
    assert vmm.chosen(paths).stat().st_mode & 0o111


def test_without_its_disk_there_is_none(paths: LabPaths) -> None:
    state.file(paths).unlink()
    assert golden.why_rebuild(paths) == "there is none yet"


def test_a_firecracker_that_is_not_there_changes_nothing(paths: LabPaths, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no-such"):
        vmm.choose(paths, str(tmp_path / "no-such"))
    assert golden.why_rebuild(paths) == ""
