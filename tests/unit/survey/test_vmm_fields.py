"""What is told of a host's VMMs, their folders, ids and TAPs, and what only looks so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.host.parts import Tap
from harness.survey.answer import Open
from harness.survey.ids import pattern_of, shape_of
from harness.survey.seen import HostSeen, Rows, Told, Vmm
from harness.survey.vmms import state
from tests.unit.survey.deployments import (
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
from tests.unit.survey.drafted import drafted, values


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
    assert values(state(JAILED, Rows()))["sockets_dir"] == "none"
    told = values(state(JAILED, Rows((row,))))
    assert told["sockets_dir"] == "/var/lib/firecracker/sockets"
    assert told["vm_id_pattern"] == "bvm-[0-9a-f]{8}"


def test_rows_that_do_not_know_a_running_vm_hide_nothing_of_it() -> None:
    """The first rows of many are looked at: what runs may be none of them."""
    other = Rows(({**ROWS.vms[0], "vm_id": OTHER, "socket_path": None, "tap_device": None},))
    told = values(state(RUNBOOK, other))
    assert told["vms_dir"] == "/var/lib/firecracker/vms"
    assert told["tap_prefix"] == "fc-"


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
