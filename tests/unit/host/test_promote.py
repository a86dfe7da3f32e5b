"""A snapshot takes the golden one's place: whole, or not at all, wherever it is killed on the way."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import runpy
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.host.golden.files import journals
from harness.host.golden.promotion import PROMOTE

ROLES = ("vmstate", "memory", "disk", "kernel")
CHANGES = ("rename", "unlink", "mkdir", "rmdir", "link", "fsync", "chown", "chmod", "utime")
"""What changes a file system, and what has it on the disk."""
Said = dict[str, Any]
PROGRAM = runpy.run_path(str(PROMOTE))


@dataclass
class Place:
    """Golden files in one folder or in two, and a candidate."""

    root: Path
    golden: dict[str, str]
    whole: bool

    def ask(self, act: str) -> Said:
        """A promotion, or the way back."""
        digests = {role: hashlib.sha256(f"new {role}".encode()).hexdigest() for role in ROLES}
        return {"act": act, "files": self.golden, "source": str(self.root / "new"), "digests": digests}

    def do(self, act: str) -> Said:
        """Here, as ``main`` does it on a host."""
        ask = self.ask(act) | ({"digests": {}} if act == "back" else {})
        try:
            return dict(PROGRAM["act"](ask))
        except (PROGRAM["RefusedError"], OSError) as error:
            return {"refused": str(error)}

    def is_all(self, word: str) -> bool:
        """Whether every golden file is the old or the new one."""
        return all(
            Path(path).is_file() and Path(path).read_text() == f"{word} {role}"
            for role, path in self.golden.items()
        )

    def unfinished(self) -> bool:
        """What every reader of the golden files asks."""
        return any(Path(one).exists() for one in journals(self.golden["disk"]))

    def begin(self, before: str) -> None:
        """Old files golden; with ``back`` new ones, and the old ones previous."""
        for one in self.root.iterdir():
            shutil.rmtree(one)
        (self.root / "new").mkdir()
        for role, path in self.golden.items():
            Path(path).parent.mkdir(exist_ok=True)
            Path(path).write_text(f"old {role}")
            (self.root / "new" / Path(path).name).write_text(f"new {role}")
        if not self.whole:
            (Path(self.golden["disk"]).parent / "somebody-elses").write_text("mine")
        if before == "back":
            assert self.do("promote")["done"]


@pytest.fixture(params=["one folder", "with others in it", "two folders"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each kind of place."""
    beside = "kernels" if request.param == "two folders" else "golden"
    golden = {role: str(tmp_path / "golden" / role) for role in ROLES}
    golden["kernel"] = str(tmp_path / beside / "kernel")
    made = Place(tmp_path, golden, whole=request.param == "one folder")
    made.begin("promote")
    return made


def killed(place: Place, act: str, at: int) -> bool:
    """Whether it was killed before its change number ``at``; it has fewer else, and has ended."""
    child = os.fork()
    if child == 0:
        try:
            _end_at(at)
            place.do(act)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _end_at(at: int) -> None:
    """SIGKILL before a change of that number is made."""
    count = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **named)

        return call

    for name in CHANGES:
        setattr(os, name, counted(getattr(os, name)))
    setattr(subprocess, "run", counted(subprocess.run))  # noqa: B010 - cp
    real = ctypes.CDLL

    class Library:
        def __init__(self, *given: Any, **named: Any) -> None:
            self.renameat2 = counted(real(*given, **named).renameat2)

    setattr(ctypes, "CDLL", Library)  # noqa: B010 - the exchange of folders


@pytest.mark.slow
@pytest.mark.parametrize("act", ["promote", "back"])
def test_killed_at_any_step_it_is_old_or_new_and_goes_on(place: Place, act: str) -> None:
    """Where single files are renamed it may be killed between two: that is told, and no vmstate is there."""
    before, after = ("old", "new") if act == "promote" else ("new", "old")
    seen = {"before": 0, "after": 0, "between": 0}
    at = 1
    while True:
        place.begin(act)
        if not killed(place, act, at):
            break
        where = "before" if place.is_all(before) else "after" if place.is_all(after) else "between"
        seen[where] += 1
        told = place.unfinished()
        if where == "between":
            assert (told, place.whole, Path(place.golden["vmstate"]).exists()) == (True, False, False), at
        finished = place.do("settle")["finished"]
        assert (bool(finished), place.unfinished()) == (told, False), at
        assert place.is_all(after if told or where == "after" else before), at
        if where == "before" and not told:
            assert place.do(act)["done"], at
        assert place.is_all(after), at
        assert place.do("back")["done"], at
        assert place.is_all(before), at
        at += 1
    assert place.is_all(after)
    assert seen["before"] > 0 < seen["after"]
    assert (seen["between"] > 0) == (not place.whole)


def test_the_former_is_kept_and_gone_back_to(place: Place) -> None:
    said = place.do("promote")
    assert (said["done"], said["whole"], place.is_all("new")) == (True, place.whole, True)
    for word in ("old", "new"):
        assert place.do("back")["done"]
        assert place.is_all(word)
    assert {path.name for path in (place.root / "new").iterdir()} == set(ROLES)
    if not place.whole:
        assert (Path(place.golden["disk"]).parent / "somebody-elses").read_text() == "mine"


def test_owner_mode_attributes_and_times_are_right(place: Place) -> None:
    """Those of the file that is replaced, but for when the snapshot was made."""
    disk, candidate = Path(place.golden["disk"]), place.root / "new" / "disk"
    disk.chmod(0o640)
    os.setxattr(disk, "user.label", b"golden")
    os.utime(candidate, (1_000_000_000, 1_000_000_000))
    assert place.do("promote")["done"]
    found = disk.stat()
    assert (found.st_mode & 0o777, found.st_mtime) == (0o640, 1_000_000_000)
    assert os.getxattr(disk, "user.label") == b"golden"


def test_what_is_written_to_the_candidate_later_is_not_golden(place: Place) -> None:
    assert place.do("promote")["done"]
    (place.root / "new" / "disk").write_text("something else")
    assert place.is_all("new")


@pytest.mark.parametrize("wrong", ["changed", "lost", "link", "no way back", "going on", "not ours"])
def test_refused_it_has_changed_nothing(place: Place, wrong: str) -> None:
    disk, act = Path(place.golden["disk"]), "promote"
    lock = os.open(disk.parent.parent, os.O_RDONLY)
    if wrong == "changed":
        (place.root / "new" / "disk").write_text("new disc")
    if wrong == "lost":
        (place.root / "new" / "disk").unlink()
    if wrong == "link":
        (place.root / "real").write_text("old disk")
        disk.unlink()
        disk.symlink_to(place.root / "real")
    if wrong == "no way back":
        act = "back"
    if wrong == "going on":
        fcntl.flock(lock, fcntl.LOCK_EX)
    if wrong == "not ours":
        for one in journals(place.golden["disk"]):
            Path(one).parent.mkdir(0o777)
            Path(one).parent.chmod(0o777)
    said = place.do(act)
    os.close(lock)
    assert said.get("refused"), said
    assert place.is_all("old")
    assert not place.unfinished()
    if wrong != "not ours":
        assert not any(Path(one).parent.exists() for one in journals(place.golden["disk"]))
