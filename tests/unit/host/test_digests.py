"""Digests of large files: read to their ends, remembered while they stay, and believed of nobody but root."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.host.golden.digests import PROBE, Measured, Mode, measure
from tests.unit.peers.this_machine import Here

RESTED = "RESTED_NS = 2_000_000_000"


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "memory" / "digests.json"


@pytest.fixture
def resting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """A file, and a probe for which it has rested that had so many nanoseconds to do so: no test sleeps."""

    def make(nanoseconds: int) -> Path:
        probe = tmp_path / "digests.py"
        probe.write_text(PROBE.read_text().replace(RESTED, f"RESTED_NS = {nanoseconds}"))
        monkeypatch.setattr("harness.host.golden.digests.PROBE", probe)
        file = tmp_path / "golden.mem"
        file.write_bytes(b"golden" * 300_000)
        return file

    assert RESTED in PROBE.read_text()
    return make


@pytest.fixture
def rested(resting: Callable[[int], Path]) -> Path:
    """A file that is taken for one that has not changed for long."""
    return resting(-(10**12))


def ask(file: Path, mode: Mode, memory: Path) -> Measured:
    return measure(Here(), [str(file)], mode=mode, memory=str(memory))[str(file)]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_files_are_read_to_their_ends(tmp_path: Path, memory: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"x" * (3 << 20) + b"y")
    other.write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    paths = [str(path) for path in (one, other, tmp_path / "none", tmp_path / "pipe", tmp_path)]
    found = measure(Here(), paths, mode="fresh", memory=str(memory))
    assert (found[str(one)].sha256, found[str(one)].size) == (digest(one.read_bytes()), one.stat().st_size)
    assert found[str(other)].sha256 == digest(b"")
    assert {found[path].error for path in paths[2:]} == {
        "No such file or directory",
        "is no file",
        "Is a directory",
    }


def test_a_file_that_stayed_is_not_read_again(rested: Path, memory: Path) -> None:
    assert ask(rested, "known", memory).error == "not read"
    first = ask(rested, "changed", memory)
    again, known, fresh = (ask(rested, mode, memory) for mode in ("changed", "known", "fresh"))
    assert first.sha256 == again.sha256 == known.sha256 == fresh.sha256 == digest(rested.read_bytes())
    assert [one.remembered for one in (first, again, known, fresh)] == [False, True, True, False]


def replaced(file: Path) -> None:
    """By another of the same name, size and time."""
    status, fresh = file.stat(), file.with_name("fresh")
    fresh.write_bytes(file.read_bytes()[::-1])
    os.utime(fresh, ns=(status.st_atime_ns, status.st_mtime_ns))
    fresh.replace(file)


def overwritten(file: Path) -> None:
    """In its place, and its time set back."""
    status = file.stat()
    with file.open("r+b") as opened:
        opened.write(b"GOLDEN")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def grown(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(b"!")


@pytest.mark.parametrize("change", [replaced, overwritten, grown])
def test_a_file_that_changed_is_read_again(
    rested: Path, memory: Path, change: Callable[[Path], None]
) -> None:
    before = ask(rested, "changed", memory)
    change(rested)
    known, after = ask(rested, "known", memory), ask(rested, "changed", memory)
    assert (known.sha256, known.error) == ("", "not read")
    assert after.sha256 == digest(rested.read_bytes()) != before.sha256


def test_a_file_that_just_changed_is_not_remembered(resting: Callable[[int], Path], memory: Path) -> None:
    """A second change in the same tick of the clock would not show."""
    file = resting(10**15)
    assert ask(file, "changed", memory).sha256 == digest(file.read_bytes())
    assert ask(file, "known", memory).sha256 == ""


def other_boot(memory: Path) -> None:
    content = json.loads(memory.read_text())
    memory.write_text(json.dumps({**content, "boot": "another"}))


def link(memory: Path) -> None:
    memory.rename(memory.with_name("elsewhere"))
    memory.symlink_to("elsewhere")


UNBELIEVED: dict[str, Callable[[Path], object]] = {
    "others may write it": lambda memory: memory.chmod(0o622),
    "others may read it": lambda memory: memory.chmod(0o644),
    "others may write into its folder": lambda memory: memory.parent.chmod(0o777),
    "others may move its folder": lambda memory: memory.parent.parent.chmod(0o777),
    "it is a link": link,
    "it has another name": lambda memory: os.link(memory, memory.with_name("other")),
    "it is of another boot": other_boot,
    "it is no JSON": lambda memory: memory.write_text("{"),
    "it is another JSON": lambda memory: memory.write_text("[]"),
    "it is large": lambda memory: memory.write_text(memory.read_text() + " " * (2 << 20)),
}


@pytest.mark.parametrize("spoil", UNBELIEVED.values(), ids=UNBELIEVED.keys())
def test_what_another_could_have_written_is_not_believed(
    rested: Path, memory: Path, spoil: Callable[[Path], object]
) -> None:
    ask(rested, "changed", memory)
    false = memory.read_text().replace(digest(rested.read_bytes()), "0" * 64)
    memory.write_text(false)
    assert ask(rested, "known", memory).sha256 == "0" * 64
    spoil(memory)
    assert ask(rested, "known", memory).sha256 == ""
    assert ask(rested, "changed", memory).sha256 == digest(rested.read_bytes())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("folder", [True, False])
def test_anothers_is_not_believed(rested: Path, memory: Path, folder: bool) -> None:
    ask(rested, "changed", memory)
    os.chown(memory.parent if folder else memory, 65534, 65534)
    assert ask(rested, "known", memory).sha256 == ""


def test_its_folder_is_ours_alone(rested: Path, memory: Path) -> None:
    ask(rested, "changed", memory)
    assert [one.stat().st_mode & 0o777 for one in (memory.parent, memory)] == [0o700, 0o600]
    assert [one.name for one in memory.parent.iterdir()] == [memory.name]
