"""One at a time has a folder, and nobody who has ended."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.alone import alone
from harness.errors import UsageError
from tests.unit.peers.small_suite import ROOT

HOLDS = """
import sys, time
from pathlib import Path
from harness.alone import alone
with alone(Path(sys.argv[1]), other="x"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_never_have_it_at_once(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "lock"
    with (
        alone(file, other="x"),
        pytest.raises(UsageError, match="another watch goes on"),
        alone(file, other="another watch goes on"),
    ):
        pass
    with alone(file, other="x"):
        pass
    assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_file_system_without_locks_is_not_told_as_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a server without a lock manager: there is nobody to end."""

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(UsageError, match="cannot be locked: No locks available") as caught:
        alone(tmp_path / "lock", other="another watch goes on").__enter__()
    assert "another watch" not in f"{caught.value.message}{caught.value.hint}"


def test_one_that_was_killed_has_it_no_more(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    words = [sys.executable, "-c", HOLDS, str(file)]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(UsageError), alone(file, other="x"):
            pass
        other.kill()
        other.wait(60)
    with alone(file, other="x"):
        pass
