"""Hosts on which every VMM is in a jail: VMs that have all that is theirs there, and those that look so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from harness.survey.answer import Found, Open
from harness.survey.seen import HostSeen, Rows
from harness.survey.vmms import state
from tests.unit.survey.deployments import ID, JAIL, JAILED, RUNBOOK, SHORT
from tests.unit.survey.drafted import with_told

DISK, SOCKET = f"{JAIL}/rootfs.ext4", f"{JAIL}/run/firecracker.socket"
LINK = f"/run/firecracker/{SHORT}.sock"


def changed(**opened: object) -> HostSeen:
    """The host with its VMM seen otherwise."""
    (vmm,) = JAILED.vmms
    return replace(JAILED, vmms=(replace(vmm, opened=replace(vmm.opened, **opened)),))  # type: ignore[arg-type]


def row(path: str | None, vm_id: str = SHORT) -> Rows:
    """One row of a VM."""
    return Rows(({"vm_id": vm_id, "socket_path": path, "tap_device": None, "ip_address": None},))


@pytest.mark.parametrize(
    "rows", [Rows(), row(None), row("/run/firecracker.socket"), row(SOCKET), row(None, f"vm-{SHORT}")]
)
def test_none_is_told_with_what_shows_it(rows: Rows) -> None:
    """Rows may have the socket's path as the jail has it, as the host has it, or not at all."""
    told = state(JAILED, rows)
    assert told["vms_dir"] == Found("none", f"pid 500 (firecracker) has {DISK} in its jail alone")
    assert told["sockets_dir"] == Found("none", f"pid 500 (firecracker) has {SOCKET} in its jail alone")
    assert told["jails_dir"] == Found("/srv/jailer", f"pid 500 (firecracker) has {JAIL} for its root")


BESIDE = replace(JAILED, vmms=(*JAILED.vmms, RUNBOOK.vmms[0]))
UNKNOWN = changed(root="/proc/500/root", files=("/proc/500/root/rootfs.ext4",))
BOTH = {"vms_dir", "sockets_dir"}
DOUBTFUL: Mapping[str, tuple[HostSeen, Rows, set[str], str]] = {
    "a disk from elsewhere": (changed(brought=(DISK,)), Rows(), {"vms_dir"}, f"{DISK} is mounted or linked"),
    "no disk": (changed(files=()), Rows(), {"vms_dir"}, "has no disk open in its jail"),
    "a disk beside": (changed(files=("/data/a.ext4",)), Rows(), {"vms_dir"}, "has no disk open in its jail"),
    "a folder": (with_told(JAILED, called=(f"/data/{SHORT}",)), Rows(), BOTH, f"/data/{SHORT} is called by"),
    "a link": (with_told(JAILED, called=(LINK,)), Rows(), {"sockets_dir"}, f"{LINK} is called by"),
    "a row": (JAILED, row("/run/fc/current.sock"), {"sockets_dir"}, "socket_path says /run/fc/current.sock"),
    "another name": (JAILED, row(None, ID), BOTH, f"the jail {SHORT} is not called by a VM's id, as {ID}"),
    "not to the end": (with_told(JAILED, uncalled=("/home",)), Rows(), BOTH, "/home was not looked through"),
    "not at all": (with_told(JAILED, unseen={"folders": "late"}), Rows(), BOTH, "looked through: late"),
    "VMMs unseen": (with_told(JAILED, unseen={"VMMs": "late"}), Rows(), BOTH, ""),
    "a root of no jailer's": (UNKNOWN, Rows(), BOTH, ""),
    "no VM runs": (replace(JAILED, vmms=()), Rows(), BOTH, "no VMM called firecracker runs"),
}


@pytest.mark.parametrize(("seen", "rows", "fields", "why"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_only_looks_so_is_left_open(seen: HostSeen, rows: Rows, fields: set[str], why: str) -> None:
    told = state(seen, rows)
    looks = {name: one.look for name in BOTH if isinstance(one := told[name], Open)}
    assert looks.keys() == fields
    assert all(why in look for look in looks.values())


def test_a_vm_beside_the_jails_tells_the_folders_that_it_has() -> None:
    told = state(BESIDE, Rows())
    assert [getattr(told[name], "value", None) for name in ("vms_dir", "jails_dir", "sockets_dir")] == [
        "/var/lib/firecracker/vms",
        None,
        "/var/run/firecracker",
    ]
