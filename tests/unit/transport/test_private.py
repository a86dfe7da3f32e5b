"""Directories for sockets: short, private, and gone with the process that made them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.transport.private import close_pipes, private_directory, start_and_remove
from harness.wait import wait_until
from tests.unit.peers.small_suite import ROOT

_HOLDER = """
import sys
from harness.transport.private import private_directory, start_and_remove
directory = private_directory()
kept = start_and_remove(directory, ["cat"])
print(directory, flush=True)
sys.stdin.read()
"""


def held_directory() -> tuple[subprocess.Popen[str], Path]:
    """A process that holds a directory, and the directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_it_is_private_and_short() -> None:
    directory = private_directory()
    process = start_and_remove(directory, ["cat"])
    assert directory.stat().st_mode & 0o777 == 0o700
    assert len(str(directory / "1000-65535")) < 60
    process.communicate()


def test_it_goes_when_the_program_ends() -> None:
    directory = private_directory()
    process = start_and_remove(directory, ["sh", "-c", "exit 7"])
    assert process.wait(60) == 7
    assert not directory.exists()
    close_pipes(process)


def test_it_goes_when_its_maker_is_killed() -> None:
    process, directory = held_directory()
    assert directory.is_dir()
    process.kill()
    process.communicate()
    wait_until(lambda: not directory.exists(), what="the directory is gone", timeout_s=60)


@pytest.mark.parametrize(("elsewhere", "stays"), [(0, False), (1, True)])
def test_one_that_a_dead_process_left_is_removed_by_the_next(elsewhere: int, stays: bool) -> None:
    """But for one whose maker's number counts in another container, which may share the parent."""
    process, old = held_directory()
    process.kill()
    process.communicate()
    wait_until(lambda: not old.exists(), what="the directory is gone", timeout_s=60)
    old.mkdir(mode=0o700)
    (old / "owner").write_text(f"{process.pid} 1 {Path('/proc/self/ns/pid').stat().st_ino + elsewhere}")
    try:
        new = private_directory()
        assert old.exists() == stays
    finally:
        shutil.rmtree(old, ignore_errors=True)
    start_and_remove(new, ["true"]).communicate()
