"""What is mounted is no file and no folder that could be exchanged."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.host.golden.door import PROMOTE
from tests.unit.peers.golden_place import (
    INSIDE,
    ROLES,
    Place,
    Said,
)
from tests.unit.peers.this_machine import Apart


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
