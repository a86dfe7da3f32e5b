"""A snapshot takes the golden one's place: whole, or not at all, wherever it is killed on the way."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import TransportError
from harness.host.golden.files import journals
from harness.host.golden.promotion import promote
from harness.site.profile import Site
from tests.unit.peers.golden_place import (
    INSIDE,
    Place,
    full_disk,
)
from tests.unit.peers.this_machine import Here

CHANGES = ("rename", "unlink", "mkdir", "rmdir", "link", "fsync", "chown", "chmod", "utime")
"""What changes a file system, and what has it on the disk."""


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
