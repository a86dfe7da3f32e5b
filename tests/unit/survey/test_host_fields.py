"""What is made of a host: three that are right and differ, and what only looks like one of their parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from harness.host.parts import Tap
from harness.survey.answer import Answers, Draft, Found, Open
from harness.survey.draft import Asked, draft
from harness.survey.ids import pattern_of, shape_of
from harness.survey.seen import File, GuestDisk, HostSeen, Link, Mention, Rows, Service, Told, Vmm
from harness.survey.vmms import state
from tests.unit.survey.deployments import (
    BASE,
    COLDBOOT,
    HOST_NETNS,
    ID,
    JAIL,
    JAILED,
    OTHER,
    ROWS,
    RUNBOOK,
    SHORT,
    SNAPSHOTS,
    UUID,
    golden,
    process,
)


def drafted(host: HostSeen) -> Draft:
    return draft(Asked({}), host, GuestDisk("", error="not read"), "not asked")


def values(answers: Answers) -> dict[str, object]:
    return {field: one.value for field, one in answers.items() if isinstance(one, Found)}


def found(host: HostSeen) -> dict[str, object]:
    """Every value that is told, as table.field."""
    tables = drafted(host)
    return {f"{table}.{field}": one for table in tables for field, one in values(tables[table]).items()}


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
            "state.jails_dir": "/srv/jailer",
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


def with_told(host: HostSeen, **fields: object) -> HostSeen:
    return replace(host, told=replace(host.told, **fields))  # type: ignore[arg-type]


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


def test_a_host_that_has_lost_its_kvm_is_not_told_to_need_none() -> None:
    assert isinstance(
        drafted(replace(COLDBOOT, vmms=(), kvm_fault="it cannot be opened"))["vmm"]["kvm"], Open
    )


def test_a_device_that_is_there_and_makes_no_vm_is_not_told_to_be_used() -> None:
    """VMs run: what they use counts."""
    assert values(drafted(replace(COLDBOOT, kvm_fault=None))["vmm"])["kvm"] == "none"
    (vmm, ours) = RUNBOOK.vmms
    mixed = replace(RUNBOOK, vmms=(vmm, ours, replace(vmm, opened=replace(vmm.opened, kvm=False))))
    assert isinstance(drafted(mixed)["vmm"]["kvm"], Open)


def test_a_socket_deep_in_a_jail_tells_no_folder_and_its_row_does() -> None:
    path = f"/var/lib/firecracker/sockets/{SHORT}.sock"
    row = {"vm_id": SHORT, "socket_path": path, "tap_device": "vmtap0", "ip_address": None}
    assert isinstance(state(JAILED, Rows())["sockets_dir"], Open)
    told = values(state(JAILED, Rows((row,))))
    assert told["sockets_dir"] == "/var/lib/firecracker/sockets"
    assert told["vm_id_pattern"] == "bvm-[0-9a-f]{8}"


def test_rows_that_do_not_know_a_running_vm_hide_nothing_of_it() -> None:
    """The first rows of many are looked at: what runs may be none of them."""
    other = Rows(({**ROWS.vms[0], "vm_id": OTHER, "socket_path": None, "tap_device": None},))
    told = values(state(RUNBOOK, other))
    assert told["vms_dir"] == "/var/lib/firecracker/vms"
    assert told["tap_prefix"] == "fc-"


def test_two_services_of_which_each_may_be_the_controller_are_both_named() -> None:
    twins = tuple(
        Service(name, mentions=(Mention("api-sock", f"/opt/{name}:1"),))
        for name in ("a.service", "b.service")
    )
    unit = drafted(HostSeen(told=Told(services=twins)))["controller"]["unit"]
    assert isinstance(unit, Open)
    assert "a.service" in unit.look
    assert "b.service" in unit.look


@pytest.mark.parametrize(("main", "name"), [(500, "vm.service"), (499, f"firecracker@{SHORT}.service")])
def test_the_unit_of_one_vm_is_no_controller(main: int, name: str) -> None:
    """Its main process is the VMM, or a jailer that waits for it; the controller is beside it."""
    (vmm,) = JAILED.vmms
    own = replace(vmm, opened=replace(vmm.opened, unit=name))
    maker = Service("maker.service", pid=300, mentions=(Mention("api-sock", "/opt/m.js:1"),))
    host = with_told(replace(JAILED, vmms=(own,)), services=(Service(name, pid=main), maker))
    assert found(host)["controller.unit"] == "maker.service"


def test_a_vmm_that_tells_no_socket_is_its_controllers_all_the_same() -> None:
    (vmm, *_) = RUNBOOK.vmms
    silent = replace(RUNBOOK, vmms=(replace(vmm, process=process(4711)),))
    assert found(silent)["controller.unit"] == "master-controller.service"


def test_a_service_beside_that_answers_health_is_no_controller() -> None:
    beside = Service("metrics.service", listens=("127.0.0.1:4000",), healthy={"127.0.0.1:4000": "/health"})
    assert isinstance(drafted(HostSeen(told=Told(services=(beside,))))["controller"]["unit"], Open)


def test_a_controller_with_two_ports_that_answer_is_asked_about() -> None:
    (service, *_) = RUNBOOK.told.services
    both = replace(service, healthy={"127.0.0.1:4000": "/health", "127.0.0.1:9229": "/health"})
    api = drafted(with_told(RUNBOOK, services=(both,)))["controller"]
    assert isinstance(api["url"], Open)
    assert api["unit"] == drafted(RUNBOOK)["controller"]["unit"]


def test_a_controller_on_another_address_is_told_by_it() -> None:
    (service, *_) = RUNBOOK.told.services
    there = replace(service, listens=("192.168.100.1:4000",), healthy={"192.168.100.1:4000": "/health"})
    assert found(with_told(RUNBOOK, services=(there,)))["controller.url"] == "http://192.168.100.1:4000"


def test_bridges_that_no_vm_is_on_are_not_chosen_from() -> None:
    idle = replace(RUNBOOK, vmms=(), taps=())
    bridge = drafted(idle)["network"]["bridge"]
    assert isinstance(bridge, Open)
    assert "fcbr0 (192.168.100.1/24)" in bridge.look


def test_rows_tell_what_no_running_vm_does() -> None:
    told = values(state(replace(RUNBOOK, vmms=(), taps=()), ROWS))
    assert told == {
        "sockets_dir": "/var/run/firecracker",
        "vm_id_pattern": f"vm-{UUID}",
        "tap_prefix": "fc-",
        "tap_id_characters": 8,
    }


def test_a_tap_that_does_not_end_as_an_id_begins_tells_no_prefix() -> None:
    """`fc-` and the id without its `vm-`: no prefix and number of characters say that."""
    taps = (Tap("fc-6b03852d", 7, HOST_NETNS, master="fcbr0"),)
    answers = state(replace(RUNBOOK, taps=taps), Rows())
    assert isinstance(answers["tap_prefix"], Open)
    assert "fc-6b03852d" in answers["tap_prefix"].look


def test_vmms_of_two_names_are_both_told() -> None:
    (one, *_) = RUNBOOK.vmms
    other = Vmm(
        process(4712, "--api-sock", f"/var/run/firecracker/{OTHER}.sock", comm="firecracker-v1."), one.opened
    )
    name = drafted(replace(RUNBOOK, vmms=(one, other)))["vmm"]["process_name"]
    assert isinstance(name, Open)
    assert "firecracker-v1." in name.look


def test_two_releases_installed_and_none_running_are_both_told() -> None:
    both = {"/usr/local/bin/firecracker": "1.7.0", "/usr/local/bin/firecracker-v1.9.0": "1.9.0"}
    vmm = drafted(HostSeen(told=Told(installed=both)))["vmm"]
    assert isinstance(vmm["binary"], Open)
    assert isinstance(vmm["version"], Open)


def test_what_the_jailer_chrooted_is_told_by_its_path_on_the_host() -> None:
    assert JAILED.vmms[0].api_socket == f"{JAIL}/run/firecracker.socket"


def test_what_runs_in_a_jail_is_no_binary_and_nor_is_another_that_is_installed() -> None:
    """The one that it is a copy of is; where it is of none, what is installed is named, and not taken."""
    (vmm,) = JAILED.vmms
    other = replace(JAILED, vmms=(replace(vmm, opened=replace(vmm.opened, copy_of="")),))
    binary = drafted(other)["vmm"]["binary"]
    assert isinstance(binary, Open)
    assert "/usr/local/bin/firecracker-v1.9.0 (1.9.0)" in binary.look


def test_a_root_that_is_no_jailers_tells_no_jails() -> None:
    (vmm,) = JAILED.vmms
    bare = replace(vmm, opened=replace(vmm.opened, root="/proc/500/root"))
    assert isinstance(state(replace(JAILED, vmms=(bare,)), Rows())["jails_dir"], Open)


def test_a_kernel_in_a_jail_is_not_what_vms_are_made_of() -> None:
    (vmm,) = JAILED.vmms
    config: dict[str, str | int] = {"kernel": f"{JAIL}/vmlinux-copy", "vcpus": 3}
    host = replace(JAILED, vmms=(replace(vmm, opened=replace(vmm.opened, config=config)),))
    told = found(host)
    assert (told["snapshot.kernel"], told["snapshot.vcpus"]) == ("/data/golden/vmlinux", 3)


def test_a_bridge_without_room_for_vms_tells_no_range() -> None:
    narrow = with_told(COLDBOOT, links=(Link("br-vms", "bridge", ("10.20.0.1/31",)),))
    assert isinstance(drafted(narrow)["network"]["first_vm"], Open)


@pytest.mark.parametrize(
    ("ids", "pattern"),
    [
        ([ID, OTHER], f"vm-{UUID}"),
        ([ID.removeprefix("vm-")], UUID),
        ([SHORT, "bvm-00000000"], "bvm-[0-9a-f]{8}"),
        (["browser-12", "browser-7"], "browser-[0-9]+"),
        ([ID, "cli-12"], f"cli-[0-9]+|vm-{UUID}"),
        (["firecracker"], None),
        ([ID, "api.socket"], None),
        (["vm 1"], None),
        (["a-1", "b-2", "c-3", "d-4"], None),
        ([], None),
    ],
)
def test_ids_have_a_pattern_in_common_or_none(ids: list[str], pattern: str | None) -> None:
    assert pattern_of(ids) == pattern


def test_an_id_is_no_pattern_of_its_own() -> None:
    assert shape_of("vm-prod.a1") != shape_of("vm-prodXa1")
    assert golden(SNAPSHOTS)


def with_second(netns: int, tap: str = "vmtap0") -> HostSeen:
    """A second VM in a jail beside the first."""
    (vmm,) = JAILED.vmms
    other = replace(vmm, process=process(501, "--id", "bvm-1c22a1d4", netns=netns))
    return replace(JAILED, vmms=(vmm, other), taps=(*JAILED.taps, Tap(tap, 3, netns)))


def test_taps_of_one_name_are_told_by_their_namespaces() -> None:
    """Two show it: of one alone nobody knows what the next one's is called."""
    told = values(state(with_second(901), Rows()))
    assert (told["tap_prefix"], told["tap_id_characters"]) == ("vmtap0", "none")


@pytest.mark.parametrize(
    "seen",
    [JAILED, with_second(900), with_second(HOST_NETNS), with_second(901, "vmtap1")],
    ids=["one VM", "two VMs in one namespace", "one of them on the host", "two names"],
)
def test_taps_that_only_look_so_are_left_open(seen: HostSeen) -> None:
    answers = state(seen, Rows())
    assert isinstance(answers["tap_prefix"], Open)
    assert isinstance(answers["tap_id_characters"], Open)


@pytest.mark.parametrize(("vm_id", "is_open"), [(SHORT, True), (ID, False)], ids=["running", "of old"])
def test_a_row_that_names_another_device_leaves_it_open_where_its_vm_runs(
    vm_id: str, *, is_open: bool
) -> None:
    row = {"vm_id": vm_id, "socket_path": None, "tap_device": "veth-17", "ip_address": None}
    assert isinstance(state(with_second(901), Rows((row,)))["tap_prefix"], Open) is is_open
