"""Files in a real ext4 disk: read as the booted guest would read them, whatever links are on the way."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import cast

import pytest

from harness.errors import TransportError
from harness.host.golden.files import DiskFile, GoldenSnapshot
from harness.host.golden.judge import wrong_content
from harness.host.hypervisor import Hypervisor
from harness.site.profile import Site, SnapshotSection
from tests.unit.peers.this_machine import Here

LONG = "a" * 80  # a link's text of over 59 characters is in a block of its own
LINKS = {
    "etc/absolute": "/opt/app/x.service",
    "etc/relative": "../opt/app/x.service",
    "etc/of-a-link": "absolute",
    "etc/long": f"/opt/{LONG}/x.service",
    "etc/spaced": "with space/x.service",
    "app": "opt/app",
    "etc/app": "/app",
    f"opt/{LONG}": "app",
    "etc/upwards": "app/../app/x.service",
    "etc/dangling": "/opt/app/none",
    "etc/loop": "pool",
    "etc/pool": "loop",
    "etc/masked": "/opt",
}


def made(folder: Path) -> Path:
    """A disk with what lies in the folder's tree."""
    path = folder / "golden.ext4"
    argv: list[str | Path] = ["/usr/sbin/mke2fs", "-q", "-t", "ext4", "-d", folder / "tree", path, "8M"]
    subprocess.run(argv, check=True, timeout=60)
    return path


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small disk with one unit in it, and ways to it."""
    folder = tmp_path_factory.mktemp("disk")
    for name in ("opt/app", "etc/with space"):
        (folder / "tree" / name).mkdir(parents=True)
        (folder / "tree" / name / "x.service").write_text("[Unit]\n")
    (folder / "tree/opt/empty").touch()
    for name, leads in LINKS.items():
        (folder / "tree" / name).symlink_to(leads)
    return made(folder)


class Disk(Here):
    """This machine with a profile that names a disk."""

    def __init__(self, disk: Path) -> None:
        self.site = Site(name="here", snapshot=SnapshotSection(disk=str(disk)))


def read(disk: Path, *paths: str) -> dict[str, DiskFile]:
    return GoldenSnapshot(cast("Hypervisor", Disk(disk))).read_from_disk(paths)


def file(path: str, content: bytes) -> DiskFile:
    return DiskFile(path, hashlib.sha256(content).hexdigest(), len(content))


@pytest.mark.parametrize(
    "path",
    [
        "/opt/app/x.service",
        "/etc/absolute",
        "/etc/relative",
        "/etc/of-a-link",
        "/etc/long",
        "/etc/spaced",
        "/app/x.service",
        "/etc/app/x.service",
        "/etc/upwards",
        f"/opt/{LONG}/x.service",
    ],
)
def test_a_file_is_read_through_links(disk: Path, path: str) -> None:
    assert read(disk, path) == {path: file(path, b"[Unit]\n")}


def test_an_empty_file_is_a_file(disk: Path) -> None:
    assert read(disk, "/opt/empty") == {"/opt/empty": file("/opt/empty", b"")}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc/none", "/etc/none: File not found"),
        ("/etc/dangling", "a link leads to nothing: /opt/app/none: File not found"),
        ("/etc/loop", "a loop of links"),
        ("/etc/loop/x", "Too many symbolic links"),
        ("/etc/masked", "/opt is no file, but: directory"),
        ("/opt", "/opt is no file, but: directory"),
        ('/x" -f "/etc', "quotes or control characters"),
        ("/x\0", "quotes or control characters"),
        ("/x\ny", "quotes or control characters"),
        ("/" + "x" * 3000, ""),
        ("/\udcff", "/\ufffd: File not found"),
    ],
)
def test_what_is_no_file_counts_as_missing(disk: Path, path: str, why: str) -> None:
    seen = read(disk, path)
    assert why in seen[path].error
    assert [why in one.why for one in wrong_content("disk", {}, seen)] == [True]


def test_a_file_that_cannot_be_read_whole_is_none(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/server.js").write_bytes(b"x" * (6 << 20))
    disk = made(tmp_path)
    assert read(disk, "/server.js")["/server.js"].size == 6 << 20
    os.truncate(disk, 4 << 20)
    assert (
        "of 6291456 bytes can be read: cat: Attempt to read" in read(disk, "/server.js")["/server.js"].error
    )


def test_a_disk_that_is_none_says_so(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(bytes(4096))
    assert "Bad magic number" in read(tmp_path / "disk", "/etc/x")["/etc/x"].error


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 1_000_000, b"XFSB" * 100_000], ids=["empty", "zeros", "xfs"]
)
def test_a_disk_of_another_kind_cannot_be_looked_into(tmp_path: Path, content: bytes) -> None:
    """That a file is not found in it says nothing of the file."""
    (tmp_path / "disk").write_bytes(content)
    seen = read(tmp_path / "disk", "/etc/machine-id")
    with pytest.raises(TransportError, match="ext2, ext3 and ext4") as caught:
        wrong_content("disk", {}, seen)
    assert "not_applicable" in caught.value.hint
