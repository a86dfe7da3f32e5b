"""A VM as the third deployment makes one, in a network namespace and a jail; no KVM is needed to find it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from uuid import uuid4

import pytest

from harness.database.vm_rows import LiveRow
from harness.host.facts import INVENTORY, ask_host
from harness.run import run
from harness.site.profile import Site
from harness.world.inventory import Inventory
from harness.world.promises import rows_without_process, rows_without_socket, rows_without_tap
from harness.world.strays import stray_entries, stray_processes, stray_sockets, stray_taps
from harness.world.things import remains
from lab.controller import jail, process, vm
from lab.controller.settings import Settings
from lab.minipc import jailed
from lab.paths import lab_paths
from tests.unit.host.test_probe import load_probe
from tests.unit.peers.this_machine import Here

pytestmark = pytest.mark.lab

_AT_ONCE = """#!/bin/sh
while [ "${1#--}" != "$1" ]; do shift; done
exec "$@"
"""
"""In the place of systemd-run, which this machine may not have."""
_NET_RAW = 13
PROMISES = (rows_without_process, rows_without_socket, rows_without_tap)
STRAYS = (stray_processes, stray_entries, stray_sockets, stray_taps)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """One whose name leaves room for a socket's."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="acc-") as folder:
        yield Path(folder)


@pytest.fixture
def settings(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Those of a controller with a bridge of its own."""
    if not original.with_name("jailer").exists():
        pytest.skip(f"no jailer beside {original}")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemd-run").write_text(_AT_ONCE)
    (tmp_path / "bin/systemd-run").chmod(0o755)
    (tmp_path / "bin/firecracker").symlink_to(original)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    for name in ("users", "sockets", "snapshots", "jails"):
        (tmp_path / name).mkdir()
    for suffix in (".ext4", ".mem", ".snap"):
        (tmp_path / f"snapshots/golden{suffix}").write_text("golden")
    bridge = f"acc-t{uuid4().hex[:8]}"
    run(["ip", "link", "add", bridge, "type", "bridge"], timeout_s=30)
    yield Settings(
        "",
        bridge=bridge,
        golden="golden",
        snapshots=tmp_path / "snapshots",
        jailer=original.with_name("jailer"),
        vms=tmp_path / "users",
        sockets=tmp_path / "sockets",
        jails=tmp_path / "jails",
    )
    run(["ip", "link", "delete", bridge], timeout_s=30)


def site_of(settings: Settings) -> Site:
    """As the deployment's profile has it, but for the folders."""
    state = jailed.tables(lab_paths())["state"] | {
        "vms_dir": str(settings.vms),
        "sockets_dir": str(settings.sockets),
        "jails_dir": str(settings.jails),
    }
    return Site.model_validate({"name": "here", "state": state, "network": {"bridge": settings.bridge}})


def look(settings: Settings, *rows: LiveRow) -> Inventory:
    """This machine and these rows."""
    host = Here()
    host.site = site_of(settings)
    paths = [row.socket_path for row in rows if row.socket_path]
    return Inventory(host.site, ask_host(host, parts=INVENTORY, paths=paths, timeout_s=60), rows)


def row_of(machine: vm.Vm) -> LiveRow:
    """What the controller writes."""
    return LiveRow(
        machine.vm_id, "running", str(machine.address), machine.tap, machine.pid, str(machine.socket)
    )


def strays(here: Inventory, vm_id: str) -> list[str]:
    """What of a VM has no row; other VMMs may run on this machine."""
    found = (one.thing for judge in STRAYS for one in judge(here))
    pids = {str(one.pid) for one in here.processes.vmms if vm_id in one.command}
    return [one for one in found if vm_id in one or (one.startswith("pid ") and one.split()[1] in pids)]


async def started(settings: Settings) -> vm.Vm:
    """A VM whose VMM runs."""
    machine = vm.at(settings, f"vm-{uuid4()}", IPv4Address("192.168.100.7"))
    async with vm.undone_on_failure(lambda: vm.remove(machine)):
        await vm.connect(settings, machine)
        await vm.clone_disk(settings, machine)
        machine.pid = await process.start(machine.vm_id, machine.socket, machine.folder, machine.jail)
    return machine


async def test_a_vm_in_a_jail_is_all_there_and_goes_whole(settings: Settings) -> None:
    """Two at once: each has its own; and what is not there any more is told."""
    first, second = await started(settings), await started(settings)
    try:
        rows = [row_of(one) for one in (first, second)]
        here = look(settings, *rows)
        assert [judge(here) for judge in PROMISES] == [[], [], []]
        assert [strays(here, row.vm_id) for row in rows] == [[], []]
        assert load_probe("host.py")["process"](first.pid)["comm"] == "firecracker"
        status = Path(f"/proc/{first.pid}/status").read_text()
        assert f"Uid:\t{settings.jail_user}\t{settings.jail_user}\t" in status
        assert f"CapEff:\t{1 << _NET_RAW:016x}\n" in status
        run(["ip", "-netns", first.vm_id, "link", "set", jail.TAP, "down"], timeout_s=30)
        (down,) = rows_without_tap(look(settings, *rows))
        assert (down.key, down.why) == (f"row {first.vm_id} tap", f"its TAP {jail.TAP} is down")
        await vm.remove(first)
        here = look(settings, rows[1])
        assert (strays(here, first.vm_id), remains(here, rows[0])) == ([], {})
        assert [judge(here) for judge in PROMISES] == [[], [], []]
        assert jail.left(settings) == [second.vm_id] * 2
    finally:
        for one in (first, second):
            await vm.remove(one)
            await vm.remove(one)  # whatever of it is gone already is no fault
    assert jail.left(settings) == []
    assert list(settings.vms.iterdir()) == []


async def test_what_a_killed_vmm_leaves_is_all_told(settings: Settings) -> None:
    """Nothing removes namespace, TAP, jail and socket; nothing that is mounted in the jail stays there."""
    machine = await started(settings)
    try:
        await process.stop(machine.pid, machine.vm_id)
        here = look(settings)
        assert sorted(strays(here, machine.vm_id)) == sorted(
            [
                str(machine.folder),
                f"{settings.jails}/firecracker/{machine.vm_id}",
                f"TAP {jail.TAP} in network namespace {machine.vm_id}",
                f"network namespace {machine.vm_id}",
            ]
        )
        assert [one.mounts for one in here.jails.jails] == [()]
        dead = replace(row_of(machine), socket_path=None)
        assert set(remains(here, dead)) == {"socket", "folder", "tap"}
    finally:
        await vm.remove(machine)
