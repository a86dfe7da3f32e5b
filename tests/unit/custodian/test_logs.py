"""A log that somebody else writes does not grow without end, and says what is gone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.custodian import logs
from harness.custodian.logs import DROPPED, Log

MIB = 1 << 20


def lines(first: int, count: int) -> bytes:
    """Lines of 64 bytes, with their numbers."""
    return b"".join(b"%063d\n" % number for number in range(first, first + count))


@pytest.mark.parametrize("mode", [os.O_APPEND, 0], ids=["appending", "at its own place"])
def test_the_newest_is_kept_and_the_rest_is_told(tmp_path: Path, mode: int) -> None:
    path, said = tmp_path / "console.log", b""
    log = Log(path)
    writer = os.open(path, os.O_WRONLY | os.O_CREAT | mode)
    for turn in range(20):
        piece = lines(turn * 20_000, 20_000)
        os.write(writer, piece)
        said += piece
        log.trim()
        assert path.stat().st_blocks * 512 <= 2 * logs.KEPT + MIB
        if len(said) <= 2 * logs.KEPT:
            assert log.text() == said.decode()
            continue
        first, _, rest = log.text().partition("\n")
        dropped = len(said) - len(rest)
        assert first == DROPPED.format(dropped)
        assert said[dropped:].decode() == rest
        assert logs.KEPT <= len(rest) <= 2 * logs.KEPT
    assert log.end(64).splitlines() == said[-64:].decode().splitlines()
    os.close(writer)


def test_a_short_one_is_whole(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a\xff\n")
    log = Log(tmp_path / "x")
    log.trim()
    assert (log.text(), log.end(2)) == ("a�\n", "�")


def test_a_writer_never_waits(tmp_path: Path) -> None:
    """Nor is it disturbed: a program that writes a gigabyte comes to its end."""
    path = tmp_path / "console.log"
    log = Log(path)
    with path.open("ab") as file:
        writer = subprocess.Popen(["head", "-c", str(512 * MIB), "/dev/zero"], stdout=file)
    while writer.poll() is None:
        log.trim()
    log.trim()
    assert writer.returncode == 0
    assert path.stat().st_size == 512 * MIB
    assert path.stat().st_blocks * 512 <= 2 * logs.KEPT + MIB


def test_a_file_system_without_holes_starts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_fallocate", lambda *_: -1)
    path = tmp_path / "vmm.log"
    log = Log(path)
    with path.open("ab", buffering=0) as file:
        file.write(b"x" * (2 * logs.KEPT + 1))
        log.trim()
        file.write(b"newest")
    assert log.text() == DROPPED.format(2 * logs.KEPT + 1) + "\nnewest"


LAID: dict[str, Callable[[Path], object]] = {
    "nothing": lambda _: None,
    "a folder": lambda path: path.mkdir(),
    "a link": lambda path: path.symlink_to("/dev/zero"),
    "a link to a file": lambda path: path.symlink_to("/etc/passwd"),
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("lay", LAID.values(), ids=LAID)
def test_what_is_no_file_has_no_text(tmp_path: Path, lay: Callable[[Path], object]) -> None:
    lay(tmp_path / "x")
    log = Log(tmp_path / "x")
    log.trim()
    assert (log.text(), log.end(10)) == ("", "")


STOPPING = [
    '[vm-1:fc_api] The API server received a PATCH request on "/vm".',
    "[vm-1:fc_api] 'resume VM' API request took 812 us.",
    "[vm-1:fc_api] The request was executed successfully. Status code: 204 No Content.",
    "[vm-1:main] Vmm is stopping.",
    "",
    "[vm-1:main] Firecracker exiting successfully. exit_code=0",
    '[vm-1:fc_api] The API server received a Get request on "/".',
]


def test_its_end_is_what_the_vmm_says_of_itself(tmp_path: Path) -> None:
    """And not what it logs of requests of ours: of those there are many, and they say nothing."""
    path = tmp_path / "vmm.log"
    path.write_text("\n".join(STOPPING))
    assert Log(path).end(4000).splitlines() == [STOPPING[3], STOPPING[5]]
    path.write_text("\n".join(STOPPING[:3]))
    assert Log(path).end(4000).splitlines() == STOPPING[:3]
    path.write_text("\n".join(f"line {number}" for number in range(100)))
    assert Log(path).end(4000).splitlines() == [f"line {number}" for number in range(92, 100)]
