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
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import TransportError
from harness.host.golden.door import PROMOTE
from harness.host.golden.files import journals
from harness.host.golden.promotion import promote
from harness.site.profile import Site
from tests.unit.peers.this_machine import Apart, Here

ROLES = ("vmstate", "memory", "disk", "kernel")
CHANGES = ("rename", "unlink", "mkdir", "rmdir", "link", "fsync", "chown", "chmod", "utime")
"""What changes a file system, and what has it on the disk."""
Said = dict[str, Any]
PROGRAM = runpy.run_path(str(PROMOTE))
INSIDE: dict[str, Any] = PROGRAM["act"].__globals__


def full_disk(*_: object) -> None:
    """What a step may come to."""
    raise OSError(28, "No space left on device")


class Answering(Here):
    """A host that says this, or nothing."""

    def __init__(self, said: object) -> None:
        self.said = said
        self.site = Site(name="here")

    def python(self, *_: object, **__: object) -> Any:
        """Its answer."""
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


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

    def do(self, act: str, *, again: bool = False) -> Said:
        """Here, as ``main`` does it on a host."""
        ask = self.ask(act) | ({"digests": {}, "again": again} if act == "back" else {})
        try:
            return dict(PROGRAM["act"](ask))
        except (PROGRAM["RefusedError"], OSError) as error:
            return {"refused": str(error)}
        except PROGRAM["UnfinishedError"] as error:
            return {"unfinished": str(error)}

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
        if act == "back":
            assert place.do("back").get("already"), at
        assert place.do("back", again=act == "back")["done"], at
        assert place.is_all(before), at
        at += 1
    assert place.is_all(after)
    assert seen["before"] > 0 < seen["after"]
    assert (seen["between"] > 0) == (not place.whole)


def test_the_former_is_kept_and_gone_back_to(place: Place) -> None:
    said = place.do("promote")
    assert (said["done"], said["whole"], place.is_all("new")) == (True, place.whole, True)
    for word in ("old", "new"):
        assert place.do("back", again=word == "new")["done"]
        assert place.is_all(word)
    assert {path.name for path in (place.root / "new").iterdir()} == set(ROLES)
    if not place.whole:
        assert (Path(place.golden["disk"]).parent / "somebody-elses").read_text() == "mine"


@pytest.mark.parametrize("since", ["nothing", "a promotion", "written to", "put there"])
def test_back_is_gone_once_however_often_it_is_asked(place: Place, since: str) -> None:
    """Whoever got no answer asks again; only what was golden since then is gone back from."""
    place.begin("back")
    assert place.do("back")["done"]
    disk = Path(place.golden["disk"])
    if since == "a promotion":
        assert place.do("promote")["done"]
    if since == "written to":
        disk.write_text("old disk, mended")
    if since == "put there":
        (place.root / "built").write_text("old disk")
        (place.root / "built").replace(disk)
    said = place.do("back")
    if since == "nothing":
        assert said == {"finished": "", "already": True}
        assert place.is_all("old")
        assert place.do("back", again=True)["done"]
        assert place.is_all("new")
        assert place.do("back").get("already")
        assert place.is_all("new")
    else:
        assert said["done"]
        assert place.is_all("old" if since == "a promotion" else "new")


def test_a_golden_file_that_was_lost_since_is_gone_back_from(place: Place) -> None:
    """That is when it is needed most."""
    place.begin("back")
    assert place.do("back")["done"]
    Path(place.golden["memory"]).unlink()
    assert place.do("back")["done"]
    assert place.is_all("new")


@pytest.mark.parametrize("step", ["retire", "write_down"])
def test_what_was_exchanged_is_not_exchanged_again_though_the_folder_is_another(
    place: Place, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has built anew before anybody finished it: that stays golden, and the way on is not barred."""
    real = INSIDE["retire"]

    def cut_short(*given: Any) -> None:
        if step == "write_down":  # the former is the previous one by then
            real(*given)
        full_disk()

    with monkeypatch.context() as broken:
        broken.setitem(INSIDE, "retire", cut_short)
        assert place.do("promote") == {"unfinished": "[Errno 28] No space left on device"}
    folder = Path(place.golden["disk"]).parent
    shutil.copytree(folder, place.root / "built")
    (place.root / "built" / "disk").write_text("built disk")
    folder.rename(place.root / "away")
    (place.root / "built").rename(folder)
    assert place.do("settle")["finished"]
    assert (Path(place.golden["disk"]).read_text(), place.unfinished()) == ("built disk", False)


def test_back_is_gone_once_wherever_the_shelf_was_before(place: Place) -> None:
    """Somebody put a file beside the golden ones since: then each is renamed, and another shelf tells."""
    place.begin("back")
    assert place.do("back")["done"]
    (Path(place.golden["disk"]).parent / "notes").write_text("mine")
    assert place.do("back").get("already")
    assert place.do("promote")["whole"] is False
    assert place.do("back")["done"]
    assert (place.do("back").get("already"), place.is_all("old")) == (True, True)


def test_what_was_done_last_is_not_told_on_a_full_disk(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is done all the same; ``--back`` goes back to what is kept."""
    place.begin("back")
    real = INSIDE["write_down"]

    def full(shelf: Path, name: str, said: Said) -> None:
        full_disk() if name == "last.json" else real(shelf, name, said)

    with monkeypatch.context() as broken:
        broken.setitem(INSIDE, "write_down", full)
        assert place.do("back")["done"]
    assert (place.is_all("old"), place.unfinished()) == (True, False)
    assert place.do("back")["done"]
    assert place.is_all("new")


@pytest.mark.parametrize("like", ["as it was", "another mode", "another attribute"])
def test_going_back_takes_no_room_where_nothing_else_changed(place: Place, like: str) -> None:
    """The files themselves come back; as copies where they are to be owned or labelled otherwise now."""
    disk = Path(place.golden["disk"])
    before = disk.stat().st_ino
    assert place.do("promote")["done"]
    if like == "another mode":
        disk.chmod(0o640)
    if like == "another attribute":
        os.setxattr(disk, "user.label", b"golden")
    wanted = disk.stat().st_mode, os.listxattr(disk)
    assert place.do("back")["done"]
    assert place.is_all("old")
    assert (disk.stat().st_ino == before) == (like == "as it was")
    assert (disk.stat().st_mode, os.listxattr(disk)) == wanted
    assert disk.stat().st_nlink == 1


def test_a_full_disk_keeps_nobody_from_going_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.begin("back")

    def refuse(*_: object) -> None:
        raise INSIDE["RefusedError"]("no room")

    monkeypatch.setitem(INSIDE, "refuse_full", refuse)
    assert place.do("back")["done"]
    assert place.is_all("old")
    assert place.do("promote") == {"refused": "no room"}


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


@pytest.mark.parametrize("act", ["promote", "back"])
def test_decided_and_not_done_it_is_told_apart_and_goes_on(
    place: Place, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Golden files may be of both by then: that is no refusal."""
    place.begin(act)
    after = "new" if act == "promote" else "old"
    with monkeypatch.context() as broken:
        broken.setitem(INSIDE, "exchange" if place.whole else "rename_each", full_disk)
        if place.whole:  # it is tried first whether folders can be exchanged
            broken.setitem(INSIDE, "as_a_whole", lambda _: True)
        assert place.do(act) == {"unfinished": "[Errno 28] No space left on device"}
        assert place.do("settle") == {"unfinished": "[Errno 28] No space left on device"}
    assert place.unfinished()
    with pytest.raises(TransportError, match=r"cut short.*No space left"):
        promote(Answering({"unfinished": "No space left"}), act)
    assert place.do("settle")["finished"]
    assert place.is_all(after)


def test_done_and_not_cleared_up_it_is_told_as_done(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = INSIDE["tidy"], iter((lambda _: None, full_disk))
    with monkeypatch.context() as broken:
        broken.setitem(INSIDE, "tidy", lambda golden: next(calls)(golden))
        said = place.do("promote")
    assert (said["done"], "No space left" in said["left"], place.is_all("new")) == (True, True, True)
    assert INSIDE["tidy"] is real
    assert place.do("settle") == {"finished": "", "left": ""}


@pytest.mark.parametrize(("again", "hint"), [(False, "the same again"), (True, "which one is golden")])
def test_where_no_answer_came_it_is_not_known_what_is_golden(again: bool, hint: str) -> None:
    """It may be done: the same again is safe, but for what goes from one to the other each time."""
    with pytest.raises(TransportError, match=rf"is not known: gone(.|\n)*{hint}"):
        promote(Answering(TransportError("gone")), "back", again=again)


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_a_shelf_of_somebody_elses_stays(place: Place, mode: int) -> None:
    """Where single files are renamed, nothing is needed beside the folder."""
    beside = Path(journals(place.golden["disk"])[0]).parent
    beside.mkdir(mode)
    (beside / "notes").write_text("mine")
    said = place.do("promote")
    assert said.get("done") or (place.whole and mode == 0o755), said
    assert (beside / "notes").read_text() == "mine"


@pytest.mark.parametrize("when", ["copying", "deciding"])
def test_what_is_put_there_meanwhile_stays_there(
    place: Place, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = Path(place.golden["disk"]).with_name("notes")

    def meanwhile(*given: Any, **named: Any) -> Any:
        if when == "copying" or given[1] == notes.parent:
            notes.write_text("mine")
        return real(*given, **named)

    step = "refuse_changed" if when == "copying" else "exchange"
    real = INSIDE[step]
    with monkeypatch.context() as slow:
        slow.setitem(INSIDE, step, meanwhile)
        said = place.do("promote")
    refused = place.whole and when == "copying"
    assert ("refused" in said, place.is_all("old" if refused else "new")) == (refused, True), said
    assert notes.exists() == (place.whole or when == "copying")
    assert not list(place.root.rglob("previous/notes"))
    if refused:
        assert place.do("promote")["whole"] is False
        assert place.is_all("new")


def bound(place: Place, one: Path, other: Path) -> Said:
    """What is said of a promotion where one is mounted on the other."""
    there = Apart(f"mount --bind '{one}' '{other}'")
    return dict(there.python(PROMOTE.read_text(), place.ask("promote"), timeout_s=60))


def test_a_golden_file_that_is_mounted_is_refused_at_once(place: Place) -> None:
    """It cannot be renamed, and the vmstate would be gone by then."""
    disk = Path(place.golden["disk"])
    said = bound(place, place.root / "new" / "disk", disk)
    assert "is a mount point" in said.get("refused", ""), said
    assert (place.is_all("old"), place.unfinished()) == (True, False)


@pytest.mark.parametrize("name", ["golden", "golden images"])
def test_a_folder_that_is_mounted_is_not_exchanged(tmp_path: Path, name: str) -> None:
    """Whoever mounted it would go on seeing the former one."""
    place = Place(tmp_path, {role: str(tmp_path / name / role) for role in ROLES}, whole=True)
    place.begin("promote")
    (tmp_path / "seen").mkdir()
    said = bound(place, tmp_path / name, tmp_path / "seen")
    assert (said.get("done"), said.get("whole"), place.is_all("new")) == (True, False, True), said


def test_a_mount_of_a_folder_on_btrfs_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``stat`` says another device there than mountinfo, both of them none that exists."""
    folder = tmp_path / "golden"
    folder.mkdir()
    device = [os.makedev(0, 54), os.makedev(8, 1)]
    monkeypatch.setitem(INSIDE, "mounts", lambda _: [("0:48", Path("/golden"), Path("/seen"))])
    monkeypatch.setattr(Path, "stat", lambda _: SimpleNamespace(st_dev=device[0]))
    assert INSIDE["mounted"](folder)
    device.reverse()
    assert not INSIDE["mounted"](folder)
