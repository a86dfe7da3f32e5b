"""What is made of a host: three that are right and differ, and what only looks like one of their parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from harness.survey.answer import Found, Open
from harness.survey.seen import File, HostSeen, Link, Mention, Service, Told
from tests.unit.survey.deployments import (
    BASE,
    COLDBOOT,
    ID,
    JAIL,
    JAILED,
    RUNBOOK,
    SNAPSHOTS,
    UUID,
)
from tests.unit.survey.drafted import drafted, found, with_told

EXPECTED: Mapping[str, tuple[HostSeen, Mapping[str, object]]] = {
    "runbook": (
        RUNBOOK,
        {
            "vmm.binary": "/usr/bin/firecracker",
            "vmm.process_name": "firecracker",
            "vmm.version": "1.7.",
            "vmm.kvm": "/dev/kvm",
            "state.vms_dir": "/var/lib/firecracker/vms",
            "state.jails_dir": "none",
            "state.sockets_dir": "/var/run/firecracker",
            "state.vm_id_pattern": f"vm-{UUID}",
            "state.tap_prefix": "fc-",
            "state.tap_id_characters": 8,
            "network.bridge": "fcbr0",
            "network.bridge_address": "192.168.100.1/24",
            "network.first_vm": "192.168.100.2",
            "network.last_vm": "192.168.100.254",
            "snapshot.disk": f"{SNAPSHOTS}/browser-vm-golden.ext4",
            "snapshot.vmstate": f"{SNAPSHOTS}/browser-vm-golden.snap",
            "snapshot.memory": f"{SNAPSHOTS}/browser-vm-golden.mem",
            "snapshot.kernel": f"{SNAPSHOTS}/vmlinux",
            "snapshot.initrd": "none",
            "snapshot.memory_mib": 2048,
            "snapshot.gateway": "192.168.100.1",
            "controller.unit": "master-controller.service",
            "controller.url": "http://127.0.0.1:4000",
            "controller.health_path": "/health",
            "controller.log_file": "none",
        },
    ),
    "cold boots": (
        COLDBOOT,
        {
            "vmm.binary": "/usr/local/bin/firecracker",
            "vmm.process_name": "firecracker",
            "vmm.version": "1.12.",
            "vmm.kvm": "none",
            "state.vms_dir": "/var/lib/firecracker/users",
            "state.jails_dir": "none",
            "state.sockets_dir": "/var/lib/firecracker/sockets",
            "state.vm_id_pattern": f"vm-{UUID}",
            "state.tap_prefix": "fc-",
            "state.tap_id_characters": 8,
            "network.bridge": "br-vms",
            "network.bridge_address": "10.20.0.1/16",
            "network.first_vm": "10.20.0.2",
            "network.last_vm": "10.20.255.254",
            "snapshot.disk": f"{BASE}/golden-browser-rootfs.ext4",
            "snapshot.vmstate": "none",
            "snapshot.memory": "none",
            "snapshot.kernel": f"{BASE}/vmlinux",
            "snapshot.initrd": "none",
            "snapshot.boot_args": "console=ttyS0 quiet rw",
            "snapshot.vcpus": 2,
            "snapshot.memory_mib": 2048,
            "snapshot.gateway": "10.20.0.1",
            "controller.unit": "controller@1.service",
            "controller.url": "http://127.0.0.1:8443",
            "controller.health_path": "/api/health",
            "controller.log_file": "/var/log/master-controller.log",
        },
    ),
    "jailed, a namespace for each": (
        JAILED,
        {
            "vmm.binary": "/usr/local/bin/firecracker-v1.9.0",
            "vmm.process_name": "firecracker",
            "vmm.version": "1.9.",
            "vmm.kvm": "/dev/kvm",
            "state.vms_dir": "none",
            "state.jails_dir": "/srv/jailer",
            "state.sockets_dir": "none",
            "state.vm_id_pattern": "bvm-[0-9a-f]{8}",
            "snapshot.disk": "/data/golden/rootfs.ext4",
            "snapshot.vmstate": "/data/golden/snapshot_file",
            "snapshot.memory": "/data/golden/mem_file",
            "snapshot.kernel": "/data/golden/vmlinux",
            "snapshot.initrd": "none",
            "snapshot.memory_mib": 1024,
            "controller.unit": "fc-orchestrator.service",
        },
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_host_is_told_as_it_is_and_no_more(name: str) -> None:
    """Field by field, and nothing else is told."""
    host, expected = EXPECTED[name]
    assert found(host) == expected


def test_every_field_that_is_left_open_says_what_to_look_for() -> None:
    open_fields = [
        one.look
        for answers in drafted(HostSeen()).values()
        for one in answers.values()
        if isinstance(one, Open)
    ]
    assert len(open_fields) > 20
    assert all(len(look.split()) > 2 for look in open_fields)


def test_where_a_value_was_seen_is_told_with_it() -> None:
    tables = drafted(RUNBOOK)
    assert tables["state"]["sockets_dir"] == Found(
        "/var/run/firecracker", f"ps, pid 4711 (firecracker) --api-sock /var/run/firecracker/{ID}.sock"
    )


def test_two_golden_snapshots_are_not_chosen_from() -> None:
    """No VM runs, no source names one: either may be it."""
    idle = replace(RUNBOOK, vmms=())
    disk = drafted(idle)["snapshot"]["disk"]
    assert isinstance(disk, Open)
    assert f"{SNAPSHOTS}/browser-vm-golden.ext4" in disk.look
    assert "/home/polydev/old/browser-vm-golden.ext4" in disk.look


def test_a_source_that_names_one_decides_between_two() -> None:
    idle = replace(RUNBOOK, vmms=())
    speaking = Service(
        "x.service", mentions=(Mention(f"{SNAPSHOTS}/browser-vm-golden.ext4", "/opt/mc/vm.js:9"),)
    )
    assert (
        found(with_told(idle, services=(speaking,)))["snapshot.disk"] == f"{SNAPSHOTS}/browser-vm-golden.ext4"
    )


def test_the_disk_of_a_vm_is_not_golden() -> None:
    disks = (File(f"/var/lib/firecracker/vms/{ID}/golden.ext4", "ext4"), File("/var/x/vmlinux", "kernel"))
    assert isinstance(drafted(HostSeen(told=Told(files=disks)))["snapshot"]["disk"], Open)


def test_no_snapshot_on_a_host_that_boots_nothing_now_is_no_proof_of_cold_boots() -> None:
    """The snapshot may have been deleted by mistake: that is to be seen red, and not excused."""
    idle = replace(COLDBOOT, vmms=())
    assert isinstance(drafted(idle)["snapshot"]["vmstate"], Open)


def test_bridges_that_no_vm_is_on_are_not_chosen_from() -> None:
    idle = replace(RUNBOOK, vmms=(), taps=())
    bridge = drafted(idle)["network"]["bridge"]
    assert isinstance(bridge, Open)
    assert "fcbr0 (192.168.100.1/24)" in bridge.look


def test_a_kernel_in_a_jail_is_not_what_vms_are_made_of() -> None:
    (vmm,) = JAILED.vmms
    config: dict[str, str | int] = {"kernel": f"{JAIL}/vmlinux-copy", "vcpus": 3}
    host = replace(JAILED, vmms=(replace(vmm, opened=replace(vmm.opened, config=config)),))
    told = found(host)
    assert (told["snapshot.kernel"], told["snapshot.vcpus"]) == ("/data/golden/vmlinux", 3)


def test_a_bridge_without_room_for_vms_tells_no_range() -> None:
    narrow = with_told(COLDBOOT, links=(Link("br-vms", "bridge", ("10.20.0.1/31",)),))
    assert isinstance(drafted(narrow)["network"]["first_vm"], Open)
