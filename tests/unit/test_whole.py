"""A file is written whole or not at all, and what was there keeps its mode."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.whole import whole, write_whole


def test_what_is_written_whole_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    """A link stays a link; what is no file is written to itself; a failure leaves things as they were."""
    file, link, pipe = tmp_path / "file", tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(file)
    write_whole(link, b"one")
    assert (file.read_bytes(), link.is_symlink()) == (b"one", True)
    with pytest.raises(TypeError), whole(file, mode=None) as fresh:
        fresh.write_bytes("no bytes")  # type: ignore[arg-type]
    assert (file.read_bytes(), sorted(one.name for one in tmp_path.iterdir())) == (b"one", ["file", "link"])
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"through")
    assert (os.read(reader, 100), pipe.is_fifo()) == (b"through", True)
    os.close(reader)


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777])
def test_the_mode_of_a_file_is_as_told(tmp_path: Path, umask: int) -> None:
    """Evidence is private; JUnit's file is as the umask, or an older file, has it."""
    older = tmp_path / "older"
    older.write_text("x")
    older.chmod(0o640)
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "private", b"x")
        write_whole(older, b"y", mode=None)
        if umask != 0o777:
            write_whole(tmp_path / "public", b"x", mode=None)
            assert (tmp_path / "public").stat().st_mode & 0o777 == 0o666 & ~umask
    finally:
        os.umask(before)
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600
    assert older.stat().st_mode & 0o777 == 0o640
