"""Folders of the operator's own: what is no file in one waits for nobody, and names no check."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from harness.check_names import written_names
from harness.errors import UsageError
from harness.site.check_folders import check_folders


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with one check, beside which others are laid."""
    folder = tmp_path / "own" / "host"
    folder.mkdir(parents=True)
    (folder / "test_one.py").write_text("def test_one(): pass\n")
    return folder.parent


def test_a_folder_that_is_called_as_a_file_has_no_checks(own: Path) -> None:
    """Whoever looks for a name alone has not been told yet that it cannot be read."""
    (own / "host" / "test_two.py").mkdir()
    assert [*written_names(own)] == ["host.one"]


def test_nobody_waits_for_a_pipe(own: Path) -> None:
    pipe = own / "host" / "test_two.py"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(""), daemon=True)  # whoever reads gets nothing
    writer.start()
    try:
        with pytest.raises(UsageError, match=r"host/test_two\.py: not a file"):
            check_folders([own])
        assert [*written_names(own)] == ["host.one"]
    finally:
        while writer.is_alive():  # it may not have begun to wait
            os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
            writer.join(0.1)
