"""The lab's deployments: which one it is, and what its profile has otherwise than the runbook's."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.site.implied import not_applicable
from harness.site.load import load_site
from harness.site.profile import Site
from lab import firecracker
from lab.__main__ import parser
from lab.controller.settings import from_environment
from lab.image.disk import OVERLAY
from lab.minipc import base, deployment, keys, profile
from lab.minipc.nspawn import Twin
from lab.minipc.process import Process
from lab.paths import LabPaths


@pytest.fixture
def paths(tmp_path: Path) -> LabPaths:
    """A lab whose golden snapshot is built, with all its secrets."""
    paths = LabPaths(tmp_path / "lab", tmp_path / "run")
    paths.snapshots.mkdir(parents=True)
    facts = {"vcpus": 2, "memory_mib": 1024, "boot_args": "quiet", "guest_address": "192.168.100.2/24"}
    paths.manifest.write_text(json.dumps({**facts, "inputs": {"agent/server.js": {}}}))
    for name in ("browser-vm-golden.ext4", "vmlinux", "initrd.img"):
        (paths.snapshots / name).write_text(name)
    paths.keys.mkdir()
    for file in keys.files(paths):
        keys.write_private(file, "secret\n")
    return paths


def site_of(paths: LabPaths, name: str) -> tuple[Site, dict[str, Any]]:
    """The profile that the lab writes for one of them, as the suite reads it and as it is written."""
    deployment.choose(paths, name)
    profile.write(paths, Twin(Process(7, 0)))
    return load_site(paths.site), tomllib.loads(paths.site.read_text())


def test_every_deployment_can_be_asked_for() -> None:
    for name in deployment.DEPLOYMENTS:
        assert parser().parse_args(["up", f"--deployment={name}"]).deployment == name
    with pytest.raises(SystemExit):
        parser().parse_args(["up", "--deployment=other"])
    assert parser().parse_args(["up"]).deployment is None


def test_a_lab_stays_what_it_was_brought_up_as(paths: LabPaths) -> None:
    """At first it is the runbook's."""
    assert deployment.chosen(paths) is deployment.RUNBOOK
    deployment.choose(paths, "coldboot")
    assert deployment.chosen(paths) is deployment.COLDBOOT


def test_an_unknown_deployment_on_record_is_told(paths: LabPaths) -> None:
    deployment.choose(paths, "other")
    with pytest.raises(UsageError, match="names no deployment: 'other'") as caught:
        deployment.chosen(paths)
    assert "runbook, coldboot" in caught.value.hint


@pytest.mark.parametrize("name", deployment.DEPLOYMENTS)
def test_each_has_a_profile_that_is_right(paths: LabPaths, name: str) -> None:
    """And lists no check that cannot apply: what cannot follows from its fields."""
    site, written = site_of(paths, name)
    assert site.not_applicable == {}
    assert written["host"]["proxy_command"].startswith("nsenter -t 7 ")


def test_the_second_ones_profile_says_what_differs(paths: LabPaths) -> None:
    usual, _ = site_of(paths, "runbook")
    other, written = site_of(paths, "coldboot")
    assert (other.snapshot.vmstate, other.snapshot.memory, other.snapshot.manifest) == (None, None, None)
    assert other.snapshot.disk == "/var/lib/firecracker/snapshots/base/golden-browser-rootfs.ext4"
    assert "manifest" not in written["snapshot"]
    assert other.state.vms_dir == "/var/lib/firecracker/users"
    assert other.session.stays == ("cli",)
    assert (usual.host, usual.database) == (other.host, other.database)


def test_the_third_ones_profile_says_where_its_vms_are(paths: LabPaths) -> None:
    """All else is as the first one's, whose controller and golden snapshot it has."""
    usual, _ = site_of(paths, "runbook")
    other, written = site_of(paths, "netns")
    assert other.state.jails_dir == "/srv/jailer"
    assert (other.state.tap_prefix, other.state.tap_id_characters) == ("vmtap0", None)
    assert written["state"]["tap_id_characters"] == "none"
    assert list(not_applicable(other).keys() - not_applicable(usual).keys()) == [
        "db.live_vms_do_not_share[tap]"
    ]
    same = {"name": usual.name, "state": usual.state}
    assert other.model_copy(update=same) == usual


def test_the_third_ones_controller_is_told_where_its_vms_are(
    paths: LabPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its profile says, and where the jailer is that it gets."""
    site, _ = site_of(paths, "netns")
    for name, value in {"DATABASE_URL": "x", **deployment.NETNS.environment(paths)}.items():
        monkeypatch.setenv(name, value)
    told = from_environment()
    assert (str(told.vms), str(told.jails)) == (site.state.vms_dir, site.state.jails_dir)
    assert told.jailer == Path("/var/lib/firecracker/bin/jailer")
    made = tmp_original(paths, monkeypatch)
    deployment.NETNS.prepare(paths)
    assert (paths.firecracker / told.jailer.relative_to("/var/lib/firecracker")).read_text() == made


def tmp_original(paths: LabPaths, monkeypatch: pytest.MonkeyPatch) -> str:
    """What stands in the place of the jailer that is fetched."""
    (paths.home / "jailer").write_text("the jailer")
    monkeypatch.setattr(firecracker, "original", lambda _: paths.home)
    return "the jailer"


def test_every_part_of_a_deployment_is_there() -> None:
    for one in deployment.DEPLOYMENTS.values():
        missing = [part for part in one.parts if not (deployment.LAB / part).exists()]
        assert missing == []
        assert [overlay for overlay in one.overlays if not overlay.is_dir()] == []
        units = [unit for unit in one.units if not _unit_file(one, unit)]
        assert units == []


def _unit_file(one: deployment.Deployment, unit: str) -> bool:
    return any((overlay / "etc/systemd/system" / unit).exists() for overlay in one.overlays)


def test_the_golden_disk_is_copied_for_whoever_boots_it(paths: LabPaths) -> None:
    """Whole, and with what every VM is booted with."""
    for _ in range(2):
        base.prepare(paths)
        folder = paths.snapshots / "base"
        assert {file.name for file in folder.iterdir()} == {
            *("golden-browser-rootfs.ext4", "vmlinux", "initrd.img", "vm-defaults.json"),
        }
        assert (folder / "golden-browser-rootfs.ext4").read_text() == "browser-vm-golden.ext4"
        defaults = json.loads((folder / "vm-defaults.json").read_text())
        assert defaults == {"vcpus": 2, "memory_mib": 1024, "boot_args": "quiet"}


GENERATOR = OVERLAY / "etc/systemd/system-generators/cmdline-network"


def generated(folder: Path, cmdline: str) -> str:
    """What the guest's generator makes of a kernel's command line."""
    (folder / "cmdline").write_text(cmdline)
    script = GENERATOR.read_text().replace("/proc/cmdline", str(folder / "cmdline"))
    subprocess.run(["sh", "-euc", script.replace("/run/systemd", str(folder))], check=True)
    file = folder / "network/05-cmdline.network"
    return file.read_text() if file.exists() else ""


@pytest.mark.parametrize(
    ("netmask", "prefix"), [("255.255.255.0", 24), ("255.255.240.0", 20), ("255.255.255.255", 32)]
)
def test_a_guest_takes_its_address_from_the_command_line(tmp_path: Path, netmask: str, prefix: int) -> None:
    text = generated(tmp_path, f"quiet ip=192.168.100.7::192.168.100.1:{netmask}::eth0:on root=/dev/vda\n")
    for line in ("Name=eth0", f"Address=192.168.100.7/{prefix}", "Gateway=192.168.100.1"):
        assert line in text.splitlines()


@pytest.mark.parametrize("word", ["", "ip=dhcp", "noip=1.2.3.4:"])
def test_any_other_guest_has_the_address_of_its_image(tmp_path: Path, word: str) -> None:
    assert generated(tmp_path, f"quiet {word}\n") == ""
