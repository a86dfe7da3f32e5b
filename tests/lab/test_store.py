"""The lab's store, and what a killed process leaves of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.run import run
from lab import store
from lab.paths import LabPaths

pytestmark = pytest.mark.lab


def attached(file: Path) -> list[str]:
    """The loop devices of a file."""
    return run(["losetup", "-j", file, "-n", "-O", "NAME"], timeout_s=30).stdout.split()


def attach(file: Path) -> str:
    """A loop device of a file, as whoever is killed before it mounts one leaves it."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(1 << 20))
    return run(["losetup", "--find", "--show", file], timeout_s=30).stdout.strip()


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[LabPaths]:
    """A lab of this test."""
    paths = LabPaths(tmp_path / "lab", tmp_path / "run")
    yield paths
    store.unmount(paths)


def test_what_a_killed_build_left_attached_is_let_go_of(paths: LabPaths, tmp_path: Path) -> None:
    """By the next `up` as by the next `down`; what is attached to another file stays."""
    other = tmp_path / "other/store.xfs"
    device = attach(other)
    try:
        attach(paths.store_file)
        store.unmount(paths)
        assert attached(paths.store_file) == []
        paths.store_file.unlink()
        store.mount(paths)
        store.unmount(paths)
        left = attach(paths.store_file)
        store.mount(paths)
        assert len(attached(paths.store_file)) == 1, f"{left} is still there"
        store.unmount(paths)
        assert attached(paths.store_file) == []
        assert attached(other) == [device]
    finally:
        run(["losetup", "--detach", device], timeout_s=30)
