"""What the jailer made is told from what else lies in its folder; nothing is looked for behind a link."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from harness.errors import TransportError
from harness.host.facts import ask_host
from harness.host.parts import Jail, Jails, Listing, Sockets
from harness.site.profile import Site, StateSection
from tests.unit.peers.this_machine import Apart, Here

VM = "vm-1"
"""A short id: a socket's path is limited."""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A jailer's folder."""
    (tmp_path / "jails" / "firecracker").mkdir(parents=True)
    return tmp_path / "jails"


def listen(path: Path) -> None:
    """A socket, by itself."""
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def jails(base: Path) -> dict[str, Jail]:
    """Those that are seen, by name."""
    host = Here()
    host.site = Site(name="here", state=StateSection(jails_dir=str(base)))
    found = ask_host(host, parts=["jails"], timeout_s=60).part("jails", Jails)
    return {Path(one.path).name: one for one in found.jails}


def test_a_jail_is_told_with_its_socket(base: Path) -> None:
    path = base / "firecracker" / VM / "root" / "run" / "api.sock"
    listen(path)
    assert [one.path for one in jails(base)[VM].sockets] == [str(path)]


def alone(base: Path) -> Here:
    """This machine with a profile that has jails only."""
    host = Here()
    host.site = Site(name="here", state=StateSection(vms_dir=None, sockets_dir=None, jails_dir=str(base)))
    return host


def test_where_there_are_jails_only_no_folder_is_looked_into_and_their_disks_room_counts(base: Path) -> None:
    (base / "firecracker" / VM / "root").mkdir(parents=True)
    found = ask_host(alone(base), parts=["state", "sockets", "jails", "room"], timeout_s=60)
    assert found.part("state", Listing) == Listing((), 0)
    assert found.part("sockets", Sockets).entries == ()
    assert [Path(one.path).name for one in found.part("jails", Jails).jails] == [VM]
    free = shutil.disk_usage(base).free >> 20
    assert abs(found.room.disk_mib - free) < max(1024, free // 10)


def test_jails_that_are_not_there_are_no_clean_host(base: Path) -> None:
    found = ask_host(alone(base / "none"), parts=["jails", "room"], timeout_s=60)
    with pytest.raises(TransportError, match="No such file"):
        found.part("jails", Jails)
    with pytest.raises(TransportError, match="No such file"):
        _ = found.room


def test_behind_a_link_nothing_is_a_jails(base: Path) -> None:
    """A link in the place of its root, or in it, may lead to a live VM's."""
    listen(base / "elsewhere" / "run" / "api.sock")
    for name in ("linked", "inside"):
        (base / "firecracker" / name).mkdir()
    (base / "firecracker" / "linked" / "root").symlink_to(base / "elsewhere")
    (base / "firecracker" / "inside" / "root").mkdir()
    (base / "firecracker" / "inside" / "root" / "run").symlink_to(base / "elsewhere" / "run")
    found = jails(base)
    assert {name: found[name].sockets for name in ("linked", "inside")} == {"linked": (), "inside": ()}


def test_what_an_operator_keeps_there_is_no_jail(base: Path) -> None:
    """Each has its root, unless it is all that is left of one: whatever else is shown would be removed."""
    (base / "images" / "debian").mkdir(parents=True)
    (base / "images" / "debian" / "disk.ext4").write_text("golden")
    (base / "firecracker" / VM).mkdir()
    assert set(jails(base)) == {VM}


def test_a_folder_that_is_a_link_is_told_as_the_profile_has_it(base: Path) -> None:
    """As rows name the sockets in it, and as it is known below which folders VMs of the site are."""
    listen(base / "firecracker" / VM / "root" / "run" / "api.sock")
    link = base.with_name("link")
    link.symlink_to(base)
    path = link / "firecracker" / VM
    (seen,) = jails(link).values()
    assert (seen.path, seen.sockets[0].path) == (str(path), str(path / "root" / "run" / "api.sock"))


def test_what_is_mounted_in_a_jail_is_told(base: Path) -> None:
    """By the jail's own path, also where that is a link."""
    snapshots = base / "firecracker" / VM / "root" / "golden"
    snapshots.mkdir(parents=True)
    base.with_name("link").symlink_to(base)
    host = Apart(f"mount -t tmpfs acc-golden '{snapshots}'")
    host.site = Site(name="here", state=StateSection(jails_dir=str(base.with_name("link"))))
    (seen,) = ask_host(host, parts=["jails"], timeout_s=60).part("jails", Jails).jails
    assert seen.mounts == (str(snapshots),)
