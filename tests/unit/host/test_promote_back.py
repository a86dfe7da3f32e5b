"""What was golden before is gone back to: once, whatever has become of it and of its folder since."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.unit.peers.golden_place import (
    INSIDE,
    ROLES,
    Place,
    Said,
    full_disk,
)


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
