"""What is removed on a host is the very thing, held by nobody by whatever name; and no link is followed."""

from __future__ import annotations

import contextlib
import mmap
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.host.probes.operate import identity, loop_device
from harness.mend import PathThing
from harness.mending.hands import Hands
from harness.mending.operations import OnHost
from tests.unit.mending.stage import Stage, journal_in, vm


@contextlib.contextmanager
def another(does: Callable[[], object]) -> Iterator[None]:
    """A process that has done so, and waits."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        kept = does()
        os.write(write, b".")
        time.sleep(1000)
        os._exit(bool(kept))
    try:
        os.read(read, 1)
        yield
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(read)
        os.close(write)


def mapped(path: Path) -> mmap.mmap:
    """A file in the memory of whoever calls, its descriptor closed."""
    with path.open("r+b") as file:
        held = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE)
    for number in range(3, 50):
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(number), path.stat()):
                os.close(number)
    return held


def test_a_file_that_is_open_by_another_name_is_held(stage: Stage, tmp_path: Path) -> None:
    """A hard link has the same content: its disk is in use."""
    folder = stage.vm_folder(1)
    other = stage.folder / "elsewhere"
    os.link(folder / "vm-config.json", other)
    found = stage.plan()
    with another(lambda: other.open("rb")):
        (done,) = stage.mend(found, journal_in(tmp_path))
    assert done.outcome == "refused"
    assert "has it, or what is in it, open" in done.why
    assert (folder / "vm-config.json").exists()


def test_a_file_that_is_mapped_is_held(stage: Stage, tmp_path: Path) -> None:
    """As a VMM has its guest's memory, with no descriptor of it."""
    folder = stage.vm_folder(1)
    found = stage.plan()
    with another(lambda: mapped(folder / "vm-config.json")):
        (done,) = stage.mend(found, journal_in(tmp_path))
    assert done.outcome == "refused"
    assert folder.is_dir()


def test_behind_a_link_nothing_is_copied_or_removed(stage: Stage, tmp_path: Path) -> None:
    """The link goes, and what it leads to is somebody's."""
    theirs = stage.folder / "theirs"
    theirs.mkdir()
    (theirs / "secret").write_text("theirs")
    (stage.vms / vm(1)).symlink_to(theirs)
    (done,) = stage.mend(stage.plan(), journal_in(tmp_path))
    assert done.outcome == "done"
    assert not list(stage.vms.iterdir())
    assert (theirs / "secret").read_text() == "theirs"
    assert not (tmp_path / "mend-abcdef" / "removed").exists()


@pytest.mark.parametrize("other", [{"device": 1}, {"inode": 1}, {"kind": "socket"}])
def test_a_thing_of_another_identity_is_another(
    stage: Stage, tmp_path: Path, other: dict[str, int | str]
) -> None:
    folder = stage.vm_folder(1)
    (one,) = stage.plan().operations
    assert isinstance(one.does, OnHost)
    assert isinstance(one.does.thing, PathThing)
    hands = Hands(stage, stage.site, stage.writing, journal_in(tmp_path))
    changed = replace(one.does.thing, **other)  # type: ignore[arg-type]
    assert hands.do(replace(one.does, thing=changed)).outcome == "gone"
    assert folder.is_dir()
    assert hands.do(one.does).outcome == "done"
    assert not folder.exists()


def test_a_folder_of_vms_that_is_a_link_is_followed(stage: Stage, tmp_path: Path) -> None:
    """A site may have it elsewhere: that is its own choice."""
    real = stage.folder / "disk"
    stage.vms.rename(real)
    stage.vms.symlink_to(real)
    stage.vm_folder(1)
    assert {one.outcome for one in stage.mend(stage.plan(), journal_in(tmp_path))} == {"done"}
    assert not list(real.iterdir())


def test_a_loop_device_holds_its_file(tmp_path: Path) -> None:
    disk, told = tmp_path / "rootfs.ext4", tmp_path / "loop3" / "loop"
    disk.touch()
    told.mkdir(parents=True)
    (told / "backing_file").write_text(f"{disk}\n")
    assert loop_device({identity(disk.stat())}, str(tmp_path)).startswith("loop3 has it")
    assert loop_device({identity(tmp_path.stat())}, str(tmp_path)) == ""
