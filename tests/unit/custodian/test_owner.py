"""Whose a folder is, and whether that one is dead, is known from the note inside or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.custodian import notes, owner
from harness.custodian.notes import Unreadable
from harness.custodian.owner import Owner, Standing
from tests.unit.peers.left_run import ended_process, owner_of

RUN = "acc-00a11e"
OTHER_ID = "0" * 32
MINE = Owner.myself(RUN, Path("/disks"))
DEAD: dict[str, Any] = {"pid": ended_process(), "start": 1}

STANDINGS: dict[str, tuple[dict[str, Any], Standing]] = {
    "this process": ({}, Standing.ALIVE),
    "a process that ended": (DEAD, Standing.DEAD),
    "its pid used again": ({"start": 1}, Standing.DEAD),
    "before this host was started anew": ({"boot": "another"}, Standing.DEAD),
    "another host": ({"machine": OTHER_ID, "boot": "another", **DEAD}, Standing.ELSEWHERE),
    "another host, and a pid that is used here": ({"machine": OTHER_ID, "boot": "x"}, Standing.ELSEWHERE),
    "a host cloned from this one": ({"hostname": "twin", "boot": "another", **DEAD}, Standing.ELSEWHERE),
    "another container of this host": ({"processes": 1, **DEAD}, Standing.ELSEWHERE),
    "a container with a machine-id of its own": ({"machine": OTHER_ID, **DEAD}, Standing.ELSEWHERE),
    "no machine-id, at another boot": ({"machine": "", "boot": "another"}, Standing.ELSEWHERE),
    "this host by another name": ({"hostname": "renamed", **DEAD}, Standing.DEAD),
}


@pytest.mark.parametrize(("said", "standing"), STANDINGS.values(), ids=STANDINGS)
def test_only_an_owner_of_this_host_is_known_to_be_dead(said: dict[str, Any], standing: Standing) -> None:
    assert dataclasses.replace(MINE, **said).standing() is standing


@pytest.mark.parametrize("content", [None, "", "uninitialized\n", "\udcff", "x" * 32])
def test_a_host_without_a_machine_id_knows_its_own_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = tmp_path / "machine-id"
    monkeypatch.setattr(owner, "MACHINE_ID", file)
    if content is not None:
        file.write_bytes(content.encode("utf-8", "surrogateescape"))
    mine = Owner.myself(RUN, tmp_path)
    assert mine.machine == ""
    assert mine.standing() is Standing.ALIVE
    assert dataclasses.replace(mine, **DEAD).standing() is Standing.DEAD
    assert dataclasses.replace(mine, boot="another").standing() is Standing.ELSEWHERE
    assert MINE.standing() is Standing.ELSEWHERE


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_folder_is_made_with_its_note(tmp_path: Path, mask: int) -> None:
    folder, before = tmp_path / RUN, os.umask(mask)
    try:
        owner.claim(folder, MINE, mode=0o711)
    finally:
        os.umask(before)
    assert Owner.of(folder) == MINE
    assert folder.stat().st_mode & 0o777 == 0o711
    assert [path.name for path in tmp_path.iterdir()] == [RUN]


LAID: dict[str, Callable[[Path], object]] = {
    "a folder": lambda path: path.mkdir(),
    "a file": lambda path: path.touch(),
    "a link": lambda path: path.symlink_to("/nowhere"),
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("lay", LAID.values(), ids=LAID)
def test_what_is_there_already_is_nobodys_to_take(tmp_path: Path, lay: Callable[[Path], object]) -> None:
    folder = tmp_path / RUN
    lay(folder)
    with pytest.raises(FileExistsError):
        owner.claim(folder, MINE, mode=0o700)
    assert [path.name for path in tmp_path.iterdir()] == [RUN]
    with pytest.raises(Unreadable):
        Owner.of(folder)


GOOD = dataclasses.asdict(MINE)
CROOKED_NOTES: dict[str, Callable[[Path], object]] = {
    "none": lambda _: None,
    "empty": lambda note: note.touch(),
    "half": lambda note: note.write_text(json.dumps(GOOD)[:40]),
    "a list": lambda note: note.write_text("[]"),
    "a word": lambda note: note.write_text('"acc-00a11e"'),
    "nothing in it": lambda note: note.write_text("{}"),
    "of an older version": lambda note: note.write_text('{"pid": 1, "start": 1, "disks": "/disks"}'),
    "a pid that is text": lambda note: note.write_text(json.dumps({**GOOD, "pid": "1"})),
    "a pid that is true": lambda note: note.write_text(json.dumps({**GOOD, "pid": True})),
    "a run that is none": lambda note: note.write_text(json.dumps({**GOOD, "run": ""})),
    "another run's": lambda note: note.write_text(json.dumps({**GOOD, "run": "acc-ffffff"})),
    "5,000 digits": lambda note: note.write_text('{"pid": ' + "1" * 5000 + "}"),
    "deep": lambda note: note.write_text("[" * 50_000),
    "bytes": lambda note: note.write_bytes(bytes(range(256))),
    "over its length": lambda note: note.write_text(json.dumps({**GOOD, "more": "x" * 100_000})),
    "a folder": lambda note: note.mkdir(),
    "a link to itself": lambda note: note.symlink_to(note),
    "a link to a good one": lambda note: note.symlink_to("/proc/self/status"),
    "a link to a device": lambda note: note.symlink_to("/dev/zero"),
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("lay", CROOKED_NOTES.values(), ids=CROOKED_NOTES)
def test_a_note_that_is_none_names_no_owner(tmp_path: Path, lay: Callable[[Path], object]) -> None:
    folder = tmp_path / RUN
    folder.mkdir()
    lay(folder / "owner.json")
    with pytest.raises(Unreadable):
        Owner.of(folder)


def test_a_folder_goes_with_its_note_last(tmp_path: Path) -> None:
    folder = tmp_path / RUN
    owner.claim(folder, MINE, mode=0o700)
    (folder / "1").mkdir()
    (folder / "1" / "x").touch()
    (folder / "away").symlink_to("/etc")
    (folder / "session-1.json").touch()
    assert owner.remove(folder, keep=[folder / "session-1.json"]) == []
    assert sorted(path.name for path in folder.iterdir()) == ["owner.json", "session-1.json"]
    assert owner.remove(folder) == []
    assert list(tmp_path.iterdir()) == []
    assert owner.remove(folder) == []


def test_a_reaper_that_takes_the_draft_away_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = notes.write
    taken: list[Path] = []

    def take_once(note: Path, content: dict[str, Any]) -> None:
        if not taken:
            taken.append(note)
            owner.discard_draft(note.parent)
        write(note, content)

    monkeypatch.setattr(notes, "write", take_once)
    owner.claim(tmp_path / RUN, MINE, mode=0o700)
    assert Owner.of(tmp_path / RUN) == MINE


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        owner.claim(tmp_path / "nowhere" / RUN, MINE, mode=0o700)
    assert list(tmp_path.iterdir()) == []
    assert owner_of(RUN, tmp_path).standing() is Standing.DEAD
