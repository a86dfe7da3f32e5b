"""A build of the golden snapshot that is interrupted leaves the old one whole, and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.wait import wait_until
from lab.image import golden, manifest
from lab.image.assemble import staging_folder
from lab.paths import LabPaths, lab_paths

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[3]


@pytest.fixture
def lab() -> LabPaths:
    """The lab, with a golden snapshot in it."""
    return lab_paths()


@pytest.fixture
def booting(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A forced build that has come to where its VM boots."""
    log = tmp_path / "build.log"
    with log.open("wb") as output:
        build = subprocess.Popen(
            [sys.executable, "-m", "lab", "build", "browser", "--force"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_until(lambda: "write the disk" in log.read_text(), what=f"the disk, in {log}", timeout_s=120)
        wait_until(lambda: len(processes_below(build.pid)) >= 4, what="the build's VM", timeout_s=60)
        yield build
    finally:
        build.kill()
        build.wait(timeout=60)


def processes_below(pid: int) -> list[int]:
    """The process and everything it has started, however deep."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        found = [int(child) for child in children.read_text().split()]
    except OSError:  # it has ended
        return []
    return [pid, *(below for child in found for below in processes_below(child))]


def running(pids: list[int]) -> list[int]:
    """Those of the processes that have not ended."""
    return [pid for pid in pids if is_running(pid)]


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def state(lab: LabPaths) -> list[tuple[str, int, int, int]]:
    """Name, inode, size and time of everything in the snapshots folder."""
    stats = [(file.name, file.stat()) for file in sorted(lab.snapshots.iterdir())]
    return [(name, found.st_ino, found.st_size, found.st_mtime_ns) for name, found in stats]


def kill(build: subprocess.Popen[bytes]) -> None:
    """What nobody can catch, to the first process alone."""
    build.kill()


def interrupt(build: subprocess.Popen[bytes]) -> None:
    """Ctrl-C: the terminal sends SIGINT to the whole process group."""
    os.killpg(build.pid, signal.SIGINT)


@pytest.mark.parametrize("end", [kill, interrupt])
def test_an_interrupted_build_leaves_the_old_snapshot_and_no_process(
    lab: LabPaths, booting: subprocess.Popen[bytes], end: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    before, pids = state(lab), processes_below(booting.pid)
    end(booting)
    booting.wait(timeout=60)
    wait_until(lambda: not running(pids), what="the end of all of the build's processes", timeout_s=20)
    assert state(lab) == before
    assert str(staging_folder(lab)) not in Path("/proc/mounts").read_text()


def test_the_golden_snapshot_is_what_its_manifest_says(lab: LabPaths) -> None:
    assert manifest.why_rebuild(lab.snapshots, manifest.current_inputs(lab)) == ""
    assert {file.name for file in golden.FILES} < {file.name for file in lab.snapshots.iterdir()}
