"""The command line of a soak, in a process of its own, where no lab is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.peers.small_suite import ROOT


def soak(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What became of it."""
    return subprocess.run(
        [sys.executable, "-m", "bench", "soak", f"--folder={folder}", *words],
        cwd=ROOT,
        env={**os.environ, "LAB_HOME": str(folder / "no-lab")},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--runs=1"], "the lab is not up"),
        ([], "no run is ordered"),
        (["--kills=0", "--load"], "no run is ordered"),
        (["--resume"], "there is no soak to go on with"),
        (["--resume", "--runs=1", "--load"], "not with --runs, --load"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(tmp_path: Path, words: list[str], why: str) -> None:
    done = soak(tmp_path, *words)
    assert done.returncode == 2
    assert why in done.stdout
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "journal.jsonl").exists()


@pytest.mark.parametrize("number", ["-1", "100001", "9" * 5000], ids=len)
def test_a_number_that_is_none_is_refused(tmp_path: Path, number: str) -> None:
    done = soak(tmp_path, f"--kills={number}")
    assert done.returncode == 2
    assert "is no number of runs" in done.stderr
    assert "Traceback" not in done.stderr
