"""``python -m lab``: what an operator can mend is one message, whatever the verb."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from lab.__main__ import main
from lab.image import assemble
from lab.image import verbs as image_verbs
from lab.minipc import verbs

VERBS = {
    "up": ["up"],
    "down": ["down"],
    "purge": ["down", "--purge"],
    "status": ["status"],
    "shell": ["shell"],
    "ssh": ["ssh", "vm-1"],
    "dashboard": ["dashboard"],
    "build browser": ["build", "browser"],
    "build minipc": ["build", "minipc"],
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a lab would be; whoever runs the test is root."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return tmp_path / "home"


@pytest.mark.parametrize("words", VERBS.values(), ids=VERBS.keys())
def test_without_root_every_verb_says_so(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And is not even begun."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for module in (verbs, image_verbs):
        monkeypatch.setattr(module, words[0], lambda _args: pytest.fail("begun"), raising=False)
    assert main(words) == 3
    said = capsys.readouterr()
    first, second = said.err.splitlines()
    assert first.startswith(f"lab {words[0]}: the lab is root's, and this is user 1000")
    assert second.startswith("  next: run it as root")
    assert said.out == ""


@pytest.mark.parametrize("verb", ["up", "down"])
def test_a_home_that_cannot_be_made_is_one_message(
    verb: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was seen and where, and the folder that LAB_HOME names."""
    home.write_text("a file")
    assert main([verb]) == 3
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"lab {verb}: [Errno {errno.EEXIST}] File exists: '{home}'"
    assert str(home) in second


def test_a_full_home_is_one_message(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A write that fails names no file."""

    def full(_args: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(verbs, "up", full)
    assert main(["up"]) == 3
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("No space left on device")
    assert str(home) in second


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (
            OSError(errno.EROFS, "Read-only", "/sys/fs/cgroup/x"),
            3,
            "lab up: [Errno 30] Read-only: '/sys/fs/cgroup/x'",
        ),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 130, "lab up: interrupted"),
    ],
    ids=["elsewhere", "nobody listens"],
)
@pytest.mark.usefixtures("home")
def test_other_trouble_is_not_blamed_on_the_home(
    error: OSError,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_args: object) -> int:
        raise error

    monkeypatch.setattr(verbs, "up", fail)
    assert main(["up"]) == status
    assert capsys.readouterr().err.splitlines() == [said]


def test_a_build_that_finds_no_room_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Inside the chamber, too."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(assemble, "assemble", full)
    assert assemble.main([]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"build browser: [Errno {errno.ENOSPC}] No space left on device"
