"""What a host and its golden disk must be: right ones are told, and wrong ones by the field to mend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from harness.errors import HarnessError, SiteError, TransportError
from harness.host import fitness
from harness.host.hypervisor import Hypervisor
from harness.run import Result
from harness.site.profile import Site
from tests.unit.host.test_disk import made
from tests.unit.peers.this_machine import Apart, Here

MIB = 1 << 20


def site(**sections: object) -> Site:
    """A profile with these sections."""
    return Site.model_validate({"name": "here", **sections})


class Host(Here):
    """This machine, with a profile of its own."""

    def __init__(self, profile: Site) -> None:
        self.site = profile


class SmallHost(Apart):
    """This machine, with a small file system on ``folder``, which may be filled."""

    def __init__(self, profile: Site, folder: Path) -> None:
        super().__init__(f"mount -t tmpfs -o size=1m small {folder}")
        filled = profile.host.model_copy(update={"free_disk_mib": 0})
        self.site = profile.model_copy(update={"host": filled})


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A golden disk of 4 MiB."""
    path = tmp_path / "golden.ext4"
    path.write_bytes(b"x" * 4 * MIB)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where clones go; nothing is left there."""
    path = tmp_path / "clones"
    path.mkdir()
    yield path
    assert list(path.iterdir()) == []


def told(host: Here, folder: Path) -> str:
    """What is said of the place for clones, or what it fails by."""
    try:
        return fitness.place_for_clones(host, str(folder))
    except SiteError as error:
        return f"FAILED {error}"


def test_a_place_that_will_do_is_told_with_what_a_copy_costs(disk: Path, folder: Path) -> None:
    said = told(Host(site(snapshot={"disk": str(disk)}, host={"free_disk_mib": 1})), folder)
    assert said.startswith(f"{folder}: ")
    assert "shares its blocks" in said or "4 MiB are copied for each clone" in said
    assert "file system" not in said


def test_a_place_that_is_not_there_is_told_by_its_field(disk: Path, tmp_path: Path) -> None:
    said = told(Host(site(snapshot={"disk": str(disk)})), tmp_path / "none")
    assert f"state.clones_dir: the disks of clones cannot go into {tmp_path}/none: No such file" in said
    assert f"sudo install -d -m 700 -- {tmp_path}/none" in said


def test_a_place_that_is_no_folder_is_told(disk: Path) -> None:
    assert "state.clones_dir: " in told(Host(site(snapshot={"disk": str(disk)})), disk)


def test_a_golden_disk_that_is_not_there_is_told_by_its_field(folder: Path) -> None:
    said = told(Host(site(snapshot={"disk": "/nowhere/golden.ext4"})), folder)
    assert said.startswith("FAILED snapshot.disk: /nowhere/golden.ext4: No such file")


def test_another_file_system_is_told_and_has_room_or_not(disk: Path, folder: Path) -> None:
    said = told(SmallHost(site(snapshot={"disk": str(disk)}), folder), folder)
    assert said.startswith(
        f"FAILED state.clones_dir: {folder} has 1 MiB free, and one clone's disk takes 4 MiB"
    )
    assert "it lies on another file system than snapshot.disk" in said
    disk.write_bytes(b"x" * (MIB // 2))
    said = told(SmallHost(site(snapshot={"disk": str(disk)}), folder), folder)
    assert said.startswith(f"{folder}: 0 MiB are copied for each clone")
    assert said.endswith("it lies on another file system than snapshot.disk")


def test_a_host_in_use_is_not_filled(disk: Path, folder: Path) -> None:
    """A clone's disk would go in, and leave less than is to be left: none is made where it costs room."""
    profile = site(snapshot={"disk": str(disk)}, host={"free_disk_mib": 1 << 30})
    said = told(Host(profile), folder)
    assert "shares its blocks" in said or "MiB (host.free_disk_mib) are to be left" in said
    assert "are copied" not in said


def test_a_copy_that_takes_too_long_is_told_by_both_fields(disk: Path, folder: Path) -> None:
    """The clock that it is held to begins with the program."""
    host = SmallHost(site(snapshot={"disk": str(disk), "copy_s": 1e-6}), folder)
    disk.write_bytes(b"x" * (MIB // 2))
    said = told(host, folder)
    assert said.startswith("FAILED state.clones_dir: a copy of 0 MiB to ")
    assert "takes longer than 1e-06 s (snapshot.copy_s)" in said


def guests(folder: Path, *paths: str) -> str:
    """What is said of a golden disk with these files."""
    (folder / "tree").mkdir()
    for path in paths:
        file = folder / "tree" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("program")
    host = Host(site(snapshot={"disk": str(made(folder))}))
    return fitness.guests_run_systemd(cast("Hypervisor", host))


def test_guests_of_systemd_are_told(tmp_path: Path) -> None:
    """Another init may be installed beside it."""
    assert guests(tmp_path, "/usr/lib/systemd/systemd", "/sbin/openrc") == "systemd is on the golden disk"


def test_guests_of_another_init_are_told(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"no systemd is on .*, but /etc/inittab, /sbin/openrc") as caught:
        guests(tmp_path, "/sbin/openrc", "/etc/inittab")
    assert "docs/requirements.md" in caught.value.hint


def test_guests_whose_init_is_elsewhere_are_not_refused(tmp_path: Path) -> None:
    """As NixOS has it."""
    assert "does not show" in guests(tmp_path, "/nix/store/x/systemd")


def test_a_golden_disk_that_is_no_ext4_is_told(disk: Path) -> None:
    with pytest.raises(SiteError, match=r"snapshot\.disk: .*cannot open it"):
        fitness.guests_run_systemd(cast("Hypervisor", Host(site(snapshot={"disk": str(disk)}))))


def test_a_golden_file_that_is_missing_is_told_by_its_field(disk: Path) -> None:
    files = {"disk": str(disk), "vmstate": "none", "memory": "/nowhere/mem", "kernel": str(disk)}
    host = cast("Hypervisor", Host(site(snapshot=files)))
    with pytest.raises(SiteError, match=r"^snapshot\.memory: /nowhere/mem: there is no such file") as caught:
        fitness.golden_files(host)
    assert "snapshot.disk" not in caught.value.message
    there = cast("Hypervisor", Host(site(snapshot={**files, "memory": "none", "kernel": str(disk)})))
    assert fitness.golden_files(there) == "disk, kernel"


@pytest.mark.parametrize("given", [{"vmstate": "none"}, {"memory": "none"}])
def test_a_golden_snapshot_of_which_no_vm_could_be_made_is_told(given: dict[str, str]) -> None:
    host = cast("Hypervisor", Host(site(snapshot={"kernel": "none", **given})))
    with pytest.raises(SiteError, match="nothing says how a VM is made"):
        fitness.golden_files(host)


class Booted:
    """A host whose shell says so."""

    def __init__(self, said: str) -> None:
        self._said = said

    def script(self, text: str, **_: object) -> Result:
        return Result((text,), 0, self._said, "")


def test_a_host_without_systemd_is_told() -> None:
    with pytest.raises(TransportError, match=r"systemd does not run there: process 1 is 'openrc-init'"):
        fitness.runs_systemd(cast("Hypervisor", Booted("openrc-init\n")))
    assert (
        fitness.runs_systemd(cast("Hypervisor", Booted("systemd 252 (252.38)\n"))) == "systemd 252 (252.38)"
    )


class Networked:
    """A host whose probe answers so."""

    site = site()

    def __init__(self, bridge: object, taps: list[dict[str, Any]]) -> None:
        told = {"host_netns": 1, "names": {}, "taps": taps}
        self._parts = {"bridge": {"ok": bridge}, "taps": {"ok": told}}

    def python(self, *_: object, **__: object) -> Any:
        return json.loads(json.dumps({"parts": self._parts, "began": 1, "ended": 1}))


def tap(name: str, **more: object) -> dict[str, Any]:
    return {"name": name, "index": 3, "netns": 1, **more}


def device(*families: str) -> dict[str, Any]:
    given = {"inet": ("192.168.100.1", 24), "inet6": ("fd00::1", 64)}
    addresses = [{"family": one, "local": given[one][0], "prefixlen": given[one][1]} for one in families]
    return {"ifname": "fcbr0", "flags": ["UP"], "addr_info": addresses}


@pytest.mark.parametrize("families", [("inet",), ("inet", "inet6")])
def test_a_bridge_with_an_ipv4_address_will_do(families: tuple[str, ...]) -> None:
    assert fitness.bridged(Networked(device(*families), [tap("fc-vm-1")])) == "fcbr0: 192.168.100.1/24"


@pytest.mark.parametrize(
    ("bridge", "taps", "why"),
    [
        (None, [tap("fc-vm-1")], "a TAP that is on no bridge: fc-vm-1"),
        (None, [tap("fc-vm-1", master="br7")], "the host has no device fcbr0"),
        (None, [tap("fc-vm-1", netns=2)], "the host has no device fcbr0"),
        (None, [], "the host has no device fcbr0"),
        (device("inet6"), [], "fcbr0 has IPv6 addresses only"),
        (device(), [], "fcbr0 has no address"),
    ],
)
def test_what_is_no_bridge_for_ipv4_is_told(bridge: object, taps: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(HarnessError) as caught:
        fitness.bridged(Networked(bridge, taps))
    assert caught.value.message.startswith("network.bridge: ")
    assert caught.value.message.endswith(why)
