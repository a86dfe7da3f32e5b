"""The host's things against the rows: a small world by hand, and generated worlds against a plain oracle."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clocks import Offset
from harness.database.vm_rows import LiveRow
from harness.errors import HarnessError, TransportError
from harness.findings import Finding, report
from harness.host.facts import HostFacts
from harness.site.profile import Site, StateSection
from harness.world.inventory import Inventory
from harness.world.promises import bad_addresses, rows_without_process, rows_without_socket, rows_without_tap
from harness.world.reconcile import JUDGES, reconciled
from harness.world.strays import defunct_processes, stray_entries, stray_processes, stray_sockets, stray_taps

VM = "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2"
OTHER = "vm-6b0385ff-0631-4f91-ae8a-fd352348e9c2"  # the same TAP name as VM: only 8 characters count
SITE = Site(name="test")
HOST_NETNS, VM_NETNS = 1, 2
Parts = dict[str, Any]


def process(pid: int, vm_id: str, **changes: Any) -> dict[str, Any]:
    argv = ["firecracker", "--api-sock", f"/run/firecracker/{vm_id}.sock", "--id", vm_id]
    return {
        "pid": pid,
        "ppid": 1,
        "state": "S",
        "comm": "firecracker",
        "started": pid,
        "argv": argv,
    } | changes


def world(*rows: LiveRow, **parts: Any) -> Inventory:
    """One running VM, changed as told; ``rows`` replaces its row."""
    found: Parts = {
        "processes": [process(100, VM)],
        "state": [f"{SITE.state.vms_dir}/{VM}"],
        "sockets": [(f"{SITE.state.sockets_dir}/{VM}.sock", "socket")],
        "taps": [("fc-vm-6b038", HOST_NETNS, "", "fcbr0")],
        "paths": {},
        "names": {},
    } | parts
    vmms = found["processes"]
    taps = [
        {"name": n, "index": i, "netns": ns, "netns_name": title, "master": master, "up": True}
        for i, (n, ns, title, master) in enumerate(found["taps"])
    ]
    answers: Parts = {
        "processes": {
            "vmms": vmms,
            "names": {1: "systemd", **{p["pid"]: p["comm"] for p in vmms}, **found["names"]},
        },
        "state": {
            "count": found.get("count", len(found["state"])),
            "entries": [{"path": path, "kind": "directory"} for path in found["state"]],
        },
        "sockets": {
            "real": "/run/firecracker",
            "count": len(found["sockets"]),
            "entries": [{"path": p, "kind": k} for p, k in found["sockets"]],
        },
        "taps": {"host_netns": HOST_NETNS, "names": {}, "taps": taps},
        "paths": found["paths"],
    }
    facts = HostFacts({name: {"ok": value} for name, value in answers.items()}, Offset(0, 0), 0)
    return Inventory(SITE, facts, rows or (row(),))


def row(vm_id: str = VM, **changes: Any) -> LiveRow:
    values: Parts = {
        "vm_id": vm_id,
        "status": "running",
        "ip_address": "192.168.100.7",
        "tap_device": "fc-vm-6b038",
        "firecracker_pid": 100,
        "socket_path": f"/var/run/firecracker/{vm_id}.sock",
    }
    return LiveRow(**(values | changes))


GONE = LiveRow("vm-00000000-0000-4000-8000-000000000000", "hibernated", "192.168.100.9")


def test_a_running_vm_with_its_row_is_no_finding() -> None:
    here = world()
    assert [judge(here) for judge in (*JUDGES, defunct_processes)] == [[]] * (len(JUDGES) + 1)


def test_without_its_row_everything_is_stray() -> None:
    here = world(GONE)
    assert lines(stray_processes(here)) == ["sudo kill -9 100"]
    assert lines(stray_entries(here)) == [f"sudo rm -rf -- /var/lib/firecracker/vms/{VM}"]
    assert lines(stray_sockets(here)) == [f"sudo rm -f -- /var/run/firecracker/{VM}.sock"]
    assert lines(stray_taps(here)) == ["sudo ip link delete dev fc-vm-6b038"]


def lines(found: list[Finding]) -> list[str]:
    """What mends them, as it is shown."""
    return [mend.line for one in found for mend in one.mends]


@pytest.mark.parametrize("pattern", [r"vm-([0-9a-f]+)(-[0-9a-f]+)+", r"(?i)VM-[0-9A-F-]{36}"])
def test_a_pattern_of_the_profile_may_have_groups_and_flags(pattern: str) -> None:
    site = SITE.model_copy(update={"state": StateSection(vm_id_pattern=pattern)})
    here = replace(world(row(socket_path=None)), site=site)
    assert here.ids(f"firecracker --id {VM} beside {OTHER}") == [VM, OTHER]
    assert stray_processes(here) == []


GOOD: dict[str, tuple[Inventory, Callable[[Inventory], list[Finding]]]] = {
    "a clone of the suite": (world(GONE, processes=[process(7, "acc-0a1b2c-3")]), stray_processes),
    "a process known by its socket alone": (
        world(
            processes=[process(100, "x", argv=["firecracker", "--api-sock", f"/run/firecracker/{VM}.sock"])]
        ),
        stray_processes,
    ),
    "an --id without the prefix": (
        world(row(socket_path=None), processes=[process(100, "x", argv=["firecracker", "--id", VM[3:]])]),
        stray_processes,
    ),
    "an --id as a jailer may write it": (
        world(processes=[process(100, "x", argv=["firecracker-v1.12.1-x86_64", f"--id={VM[3:].upper()}"])]),
        rows_without_process,
    ),
    "a clone of the suite, its id in one word": (
        world(GONE, processes=[process(7, "x", argv=["firecracker", "--id=acc-0a1b2c-3"])]),
        stray_processes,
    ),
    "an empty path of a socket, and a socket by the VM's name": (
        world(LiveRow.of(asdict(row(socket_path="")))),
        rows_without_socket,
    ),
    "a file beside the directory": (world(state=[f"{SITE.state.vms_dir}/{VM}.ext4"]), stray_entries),
    "lost+found": (world(state=[f"{SITE.state.vms_dir}/lost+found"]), stray_entries),
    "a pid file among the sockets": (world(sockets=[("/var/run/firecracker/x.pid", "file")]), stray_sockets),
    "a hibernated VM's socket": (
        world(row(status="hibernated"), processes=[]),
        stray_sockets,
    ),
    "a TAP of something else": (world(GONE, taps=[("tap0", HOST_NETNS, "", None)]), stray_taps),
    "a launching row without pid": (
        world(row(status="creating", firecracker_pid=None)),
        rows_without_process,
    ),
    "a hibernated row": (world(GONE), rows_without_process),
    "a row without socket_path": (world(row(socket_path=None)), rows_without_socket),
    "a socket elsewhere": (
        world(
            row(socket_path="/srv/a.sock"), paths={"/srv/a.sock": {"path": "/srv/a.sock", "kind": "socket"}}
        ),
        rows_without_socket,
    ),
    "the runbook's long TAP name": (world(row(tap_device="fc-vm-6b03852d-tap0")), rows_without_tap),
    "a TAP in the VM's namespace": (
        world(
            row(tap_device="vmtap0"),
            processes=[process(100, VM, netns=VM_NETNS)],
            taps=[("vmtap0", VM_NETNS, "", None)],
        ),
        rows_without_tap,
    ),
    "a launching row without address": (world(row(status="creating", ip_address=None)), bad_addresses),
    "an address with its mask": (world(row(ip_address="192.168.100.7/32")), bad_addresses),
}


@pytest.mark.parametrize("name", GOOD)
def test_no_finding(name: str) -> None:
    here, judge = GOOD[name]
    assert judge(here) == []


BAD: dict[str, tuple[Inventory, Callable[[Inventory], list[Finding]], str]] = {
    "a second VMM of one VM": (
        world(processes=[process(100, VM), process(101, VM)]),
        stray_processes,
        "pid 101",
    ),
    "a VMM that names nothing": (
        world(processes=[process(100, VM), process(9, "", argv=["firecracker"])]),
        stray_processes,
        "pid 9",
    ),
    "the runbook's short name": (
        world(state=[f"{SITE.state.vms_dir}/vm-6b03852d"]),
        stray_entries,
        "no live row",
    ),
    "a longer id": (world(state=[f"{SITE.state.vms_dir}/{VM}f"]), stray_entries, "no live row"),
    "a plain file called .sock": (
        world(sockets=[("/var/run/firecracker/a.sock", "file")]),
        stray_sockets,
        "file",
    ),
    "a TAP in a foreign namespace": (
        world(row(tap_device="fc-x"), taps=[("fc-x", VM_NETNS, "left", None)]),
        stray_taps,
        "sudo ip netns exec left ip link delete dev fc-x",
    ),
    "no pid": (world(row(firecracker_pid=None)), rows_without_process, "its VMM is pid 100"),
    "a dead pid": (world(row(firecracker_pid=4)), rows_without_process, "pid 4 does not run"),
    "a recycled pid": (
        world(row(firecracker_pid=4), names={4: "sshd"}),
        rows_without_process,
        "pid 4 is sshd",
    ),
    "another VM's pid": (world(row(OTHER)), rows_without_process, "another VM's"),
    "a defunct pid": (world(processes=[process(100, VM, state="Z")]), rows_without_process, "is defunct"),
    "no socket": (world(sockets=[]), rows_without_socket, "does not exist"),
    "a file for a socket": (
        world(sockets=[(f"/var/run/firecracker/{VM}.sock", "file")]),
        rows_without_socket,
        "no socket, but: file",
    ),
    "no TAP": (world(taps=[]), rows_without_tap, "no TAP called fc-vm-6b038"),
    "a TAP off the bridge": (
        world(taps=[("fc-vm-6b038", HOST_NETNS, "", None)]),
        rows_without_tap,
        "no port of fcbr0",
    ),
    "a defunct VMM": (world(processes=[process(100, "", state="Z", argv=[])]), defunct_processes, "defunct"),
    "no address": (world(row(ip_address=None)), bad_addresses, "address: none"),
    "the bridge's address": (world(row(ip_address="192.168.100.1")), bad_addresses, "is the bridge's own"),
    "nonsense for an address": (world(row(ip_address="dhcp")), bad_addresses, "address: dhcp"),
    "one address twice": (world(row(), row(OTHER, status="hibernated")), bad_addresses, "in 2 live rows"),
}


@pytest.mark.parametrize("name", BAD)
def test_finding(name: str) -> None:
    here, judge, told = BAD[name]
    assert told in report(judge(here), "found")


def test_a_part_that_was_not_answered_breaks_its_judges_only() -> None:
    here = world(GONE)
    parts = {**here.facts.parts, "taps": {"error": "ip: not found"}}
    answers = reconciled(
        Inventory(SITE, HostFacts(parts, Offset(0, 0), 0), (GONE,)), lambda: here, timeout_s=0.01
    )
    assert len(answers.of(stray_processes)) == 1
    with pytest.raises(TransportError, match="ip: not found"):
        answers.of(stray_taps)


def test_what_resolves_was_only_starting_and_what_stays_was_not() -> None:
    later = world(GONE, processes=[process(300, OTHER)])  # 100 has gone; 300 has come, and may be starting
    answers = reconciled(world(GONE), lambda: later, timeout_s=0.01)
    assert answers.of(stray_processes) == []
    assert len(answers.of(stray_entries)) == 1


def test_a_look_again_that_cannot_be_made_is_no_verdict() -> None:
    def lost() -> Inventory:
        raise TransportError("connection lost")

    with pytest.raises(HarnessError, match="connection lost"):
        reconciled(world(GONE), lost, timeout_s=0.01)


IDS = [f"vm-{n:08x}-0000-4000-8000-000000000000" for n in range(0x11111111, 0x77777777, 0x11111111)]
some_ids = st.sets(st.sampled_from(IDS))


@given(rows=some_ids, processes=some_ids, entries=some_ids, sockets=some_ids, taps=some_ids)
def test_any_world_is_reported_as_sets_say(
    rows: set[str], processes: set[str], entries: set[str], sockets: set[str], taps: set[str]
) -> None:
    pid = {vm_id: 1000 + n for n, vm_id in enumerate(IDS)}
    tap = {vm_id: f"fc-{vm_id[:8]}" for vm_id in IDS}
    live = [
        row(i, firecracker_pid=pid[i], tap_device=tap[i], ip_address=f"192.168.100.{pid[i] - 900}")
        for i in rows
    ]
    here = world(
        *(live or [GONE]),
        processes=[process(pid[i], i) for i in processes],
        state=[f"{SITE.state.vms_dir}/{i}" for i in entries],
        sockets=[(f"{SITE.state.sockets_dir}/{i}.sock", "socket") for i in sockets],
        taps=[(tap[i], HOST_NETNS, "", "fcbr0") for i in taps],
    )
    expected: list[set[Any]] = [
        {pid[i] for i in processes - rows},
        entries - rows,
        sockets - rows,
        {tap[i] for i in taps - rows},
        rows - processes,
        rows - sockets,
        rows - taps,
        set(),
        set(),
    ]
    before = copy.deepcopy(here.facts.parts)
    assert [len(judge(here)) for judge in JUDGES] == [len(them) for them in expected]
    for judge, them in zip(JUDGES, expected, strict=True):
        keys = " ".join(one.key for one in judge(here))
        assert all(str(one) in keys for one in them)
    assert here.facts.parts == before
