"""What only looks as if it told a value: it is left open, and says what there is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.host.parts import Tap
from harness.survey.answer import Found, Open
from harness.survey.network import network
from harness.survey.seen import File, HostSeen, Link, Mention, Opened, Rows, Service, Told, Vmm
from harness.survey.vmms import state
from tests.unit.survey.deployments import (
    COLDBOOT,
    ID,
    OTHER,
    ROWS,
    RUNBOOK,
    SHORT,
    SNAPSHOTS,
    golden,
    process,
)
from tests.unit.survey.drafted import drafted, found, values, with_told

VERSIONS = (
    *golden("/srv/fc/v/29", ".ext4", ".snap", ".mem"),
    *golden("/srv/fc/v/30", ".ext4", ".snap", ".mem"),
)


def test_a_golden_snapshot_that_a_link_leads_to_is_told_by_the_link() -> None:
    """It leads to the next one once that is built; a profile that names the file goes on with the old one."""
    host = HostSeen(told=Told(files=VERSIONS, linked={"/srv/fc/current": "/srv/fc/v/30"}))
    told = values(drafted(host)["snapshot"])
    assert told["disk"] == "/srv/fc/current/browser-vm-golden.ext4"
    assert told["memory"] == "/srv/fc/current/browser-vm-golden.mem"
    assert told["kernel"] == "/srv/fc/current/vmlinux"
    assert told["memory_mib"] == 2048


def test_where_links_lead_to_two_snapshots_neither_is_chosen() -> None:
    linked = {"/srv/fc/current": "/srv/fc/v/30", "/srv/fc/previous": "/srv/fc/v/29"}
    disk = drafted(HostSeen(told=Told(files=VERSIONS, linked=linked)))["snapshot"]["disk"]
    assert isinstance(disk, Open)
    assert "/srv/fc/v/30/browser-vm-golden.ext4" in disk.look


def test_a_source_that_names_a_link_decides_between_two() -> None:
    linked = {"/srv/fc/current": "/srv/fc/v/30", "/srv/fc/previous": "/srv/fc/v/29"}
    speaking = Service(
        "x.service", mentions=(Mention("/srv/fc/current/browser-vm-golden.ext4", "/opt/vm.js:9"),)
    )
    host = HostSeen(told=Told(files=VERSIONS, linked=linked, services=(speaking,)))
    assert found(host)["snapshot.disk"] == "/srv/fc/current/browser-vm-golden.ext4"


def test_a_vmm_of_another_name_is_not_told_to_be_launched() -> None:
    """It runs, and a look finds it by the name that it is given."""
    host = HostSeen(told=Told(kvm_users=("pid 77 (browser-vmm)",)), name="firecracker")
    for one in (drafted(host)["vmm"]["binary"], drafted(host)["state"]["sockets_dir"]):
        assert isinstance(one, Open)
        assert "no VMM called firecracker runs" in one.look
        assert "pid 77 (browser-vmm): is that a VMM, give its name by --process-name" in one.look


def with_vmm(host: HostSeen, **fields: object) -> HostSeen:
    """The host with other things open in its first VMM."""
    (vmm, *others) = host.vmms
    return replace(host, vmms=(replace(vmm, opened=replace(vmm.opened, **fields)), *others))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "told",
    [
        {"cut": ("/var/lib",)},
        {"unseen": {"files": "TimeoutError: not done in time"}},
        {"snapshots": ("/var/lib/firecracker/restore/golden.snap",)},
    ],
)
def test_that_there_is_no_snapshot_is_told_by_who_looked_everywhere(told: dict[str, object]) -> None:
    """A VM that was booted is no proof: the folder with the snapshot may be another, or too deep."""
    vmstate = drafted(with_told(COLDBOOT, **told))["snapshot"]["vmstate"]
    assert isinstance(vmstate, Open)
    (why,) = told.values()
    assert next(iter(why)) in vmstate.look or "not done in time" in vmstate.look  # type: ignore[call-overload]


def test_where_one_vm_is_not_known_to_be_booted_none_is_said_to_be_restored() -> None:
    other = Vmm(process(30066, "--api-sock", f"/var/lib/firecracker/sockets/{OTHER}.sock"), Opened(30066))
    host = replace(COLDBOOT, vmms=(*COLDBOOT.vmms, other))
    assert isinstance(drafted(host)["snapshot"]["vmstate"], Open)


def test_the_memory_of_a_clone_of_ours_does_not_point_to_the_golden_disk() -> None:
    """It may be a candidate's that the gate looks at."""
    (_, ours) = RUNBOOK.vmms
    candidate = "/home/polydev/old/browser-vm-golden.mem"
    only = replace(RUNBOOK, vmms=(replace(ours, opened=replace(ours.opened, files=(candidate,))),))
    assert isinstance(drafted(only)["snapshot"]["disk"], Open)


def test_a_disk_that_a_vm_has_open_may_be_golden_where_each_writes_elsewhere() -> None:
    """Then an old one that nobody has open is not taken for it."""
    shared = f"{SNAPSHOTS}/browser-vm-golden.ext4"
    host = with_told(
        with_vmm(RUNBOOK, files=(shared,)),
        files=(*golden(SNAPSHOTS, ".ext4"), *golden("/home/polydev/old", ".ext4")),
    )
    assert isinstance(drafted(host)["snapshot"]["disk"], Open)


@pytest.mark.parametrize(
    ("argument", "is_taken"),
    [
        ("systemd.unified_cgroup_hierarchy=1", True),
        ("init=/sbin/overlay-init", True),
        (f"vm_id={ID}", False),
        (f"vm={SHORT}", False),
        ("api_key=abc", False),
        ("boot=eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjo", False),
    ],
)
def test_a_command_line_is_taken_where_it_may_be_every_vms(argument: str, is_taken: bool) -> None:
    host = with_vmm(COLDBOOT, config={**COLDBOOT.vmms[0].opened.config, "boot_args": f"quiet {argument} rw"})
    boot_args = drafted(host)["snapshot"]["boot_args"]
    assert isinstance(boot_args, Found) is is_taken
    assert argument in repr(boot_args) if is_taken else argument not in repr(boot_args)


@pytest.mark.parametrize(
    "socket", ["/run/user/1000/fc.sock", "/srv/v1.9/run/firecracker.socket", "/data-2/fc/api.sock"]
)
def test_a_folder_with_a_number_is_no_vms(socket: str) -> None:
    (vmm, _) = RUNBOOK.vmms
    host = replace(RUNBOOK, vmms=(replace(vmm, process=process(4711, "--api-sock", socket)),))
    assert not {"vm_id_pattern", "sockets_dir", "vms_dir"} & values(state(host, Rows())).keys()


def test_what_several_vms_have_for_a_name_is_no_id() -> None:
    (vmm, _) = RUNBOOK.vmms
    both = tuple(
        replace(vmm, process=process(pid, "--api-sock", f"/run/{pid}/fc-1.sock")) for pid in (4711, 4712)
    )
    assert isinstance(state(replace(RUNBOOK, vmms=both), Rows())["vm_id_pattern"], Open)


def test_a_vmm_that_waits_for_its_vm_does_not_tell_that_none_needs_kvm() -> None:
    """A pool of them has opened nothing yet."""
    host = with_vmm(replace(RUNBOOK, kvm_fault="it cannot be opened"), kvm=False, files=())
    assert isinstance(drafted(host)["vmm"]["kvm"], Open)


def test_rows_that_name_devices_in_two_ways_tell_neither() -> None:
    rows = Rows((*ROWS.vms, {**ROWS.vms[0], "vm_id": OTHER, "tap_device": "tap-17"}))
    assert isinstance(state(RUNBOOK, rows)["tap_prefix"], Open)


@pytest.mark.parametrize("name", ["ssh.service", "cron.service", "user@1000.service", "docker.service"])
def test_a_service_that_anything_is_started_by_is_no_controller(name: str) -> None:
    host = with_told(with_vmm(RUNBOOK, unit=name), services=(Service(name, pid=9),))
    assert isinstance(drafted(host)["controller"]["unit"], Open)


@pytest.mark.parametrize(
    ("logs", "value"),
    [
        ((f"/var/log/fc/{ID}.log",), None),
        (("/var/log/fc/bvm-00c0ffee.log",), None),
        (("/var/log/mc-2026-11-30.log",), None),
        ((f"/var/log/fc/{ID}.log", "/var/log/mc.log"), "/var/log/mc.log"),
        ((), "none"),
    ],
)
def test_the_log_of_a_vm_or_of_a_day_is_not_the_controllers(logs: tuple[str, ...], value: str | None) -> None:
    """A controller may hold those of its VMs open."""
    (service, *_) = RUNBOOK.told.services
    told = replace(service, log_files=tuple(Mention(one, "open in pid 100") for one in logs))
    assert values(drafted(with_told(RUNBOOK, services=(told,)))["controller"]).get("log_file") == value


def test_a_part_that_was_not_looked_at_is_told_where_it_would_have_been() -> None:
    late = {"services": "TimeoutError: not done in time", "files": "OSError: x"}
    tables = drafted(HostSeen(told=Told(unseen=late)))
    for table, field, why in (("controller", "unit", "not done in time"), ("snapshot", "disk", "OSError: x")):
        one = tables[table][field]
        assert isinstance(one, Open)
        assert why in one.look


KERNEL = File("/srv/fc/vmlinux", "kernel", 1 << 25)


@pytest.mark.parametrize("text", ["rootfs", "${dir}/rootfs.ext4", "/drives/rootfs", "base"])
def test_what_sources_call_every_drive_names_no_disk(text: str) -> None:
    """A drive's id, and each VM's own copy, are called so, too."""
    files = (File("/srv/fc/base.ext4", "ext4"), File("/home/me/rootfs.ext4", "ext4"), KERNEL)
    speaking = Service("x.service", mentions=(Mention(text, "/opt/vm.js:9"),))
    disk = drafted(HostSeen(told=Told(files=files, services=(speaking,))))["snapshot"]["disk"]
    assert isinstance(disk, Open)
    assert "/srv/fc/base.ext4" in disk.look


def test_a_disk_is_not_golden_by_its_name_alone() -> None:
    """Somebody's copy is called so, too, and the one that is used may be called otherwise."""
    files = (File("/srv/fc/base.ext4", "ext4"), File("/mnt/old/golden.ext4", "ext4"), KERNEL)
    assert isinstance(drafted(HostSeen(told=Told(files=files)))["snapshot"]["disk"], Open)


def test_an_old_snapshot_beside_vms_that_are_booted_is_not_golden() -> None:
    """As a deployment leaves it that has gone over to cold boots."""
    files = (*golden("/home/me/old", ".ext4", ".snap", ".mem"), File("/srv/fc/base.ext4", "ext4"), KERNEL)
    host = with_told(COLDBOOT, files=files, services=())
    assert isinstance(drafted(host)["snapshot"]["disk"], Open)


@pytest.mark.parametrize(
    ("address", "first", "last"),
    [
        ("10.0.0.1/24", "10.0.0.2", "10.0.0.254"),
        ("10.0.0.254/24", "10.0.0.1", "10.0.0.253"),
        ("10.0.0.9/24", "10.0.0.1", "10.0.0.254"),
        ("10.0.0.1/15", None, None),
    ],
)
def test_vms_may_have_any_address_of_a_network_but_the_bridges(
    address: str, first: str | None, last: str | None
) -> None:
    """In one that is larger than any profile may have it, none is told."""
    told = values(drafted(with_told(COLDBOOT, links=(Link("br-vms", "bridge", (address,)),)))["network"])
    assert (told.get("first_vm"), told.get("last_vm")) == (first, last)


def test_a_tap_in_another_namespace_is_on_no_bridge_of_the_host() -> None:
    """Though a bridge there is called as one here."""
    taps = (Tap("fc-vm-6b038", 7, 900, master="fcbr0"),)
    (vmm, _) = RUNBOOK.vmms
    inside = replace(vmm, process=replace(vmm.process, netns=900))
    bridge = drafted(replace(RUNBOOK, vmms=(inside,), taps=taps))["network"]["bridge"]
    assert isinstance(bridge, Open)
    assert "bridges with an address: fcbr0 (192.168.100.1/24)" in bridge.look


def test_a_bridge_is_told_by_the_addresses_of_rows_and_by_those_alone() -> None:
    idle = with_told(
        replace(RUNBOOK, vmms=(), taps=()),
        links=(*RUNBOOK.told.links, Link("bare", "bridge")),
    )
    assert values(network(idle, ROWS))["bridge"] == "fcbr0"
    elsewhere = network(idle, Rows(({**ROWS.vms[0], "ip_address": "10.9.9.9"},)))["bridge"]
    assert isinstance(elsewhere, Open)
    assert "bare" not in elsewhere.look
