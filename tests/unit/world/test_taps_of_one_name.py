"""TAPs that are all called the same, each in a network namespace of its own: whose each is, and whether."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.database.vm_rows import LiveRow
from harness.host.facts import INVENTORY, ask_host
from harness.mend import Command
from harness.site.implied import not_applicable
from harness.site.profile import Site, StateSection
from harness.world.inventory import Inventory
from harness.world.promises import rows_without_tap
from harness.world.strays import stray_taps
from harness.world.things import nobodys, remains, tap_told, taps
from tests.unit.peers.this_machine import Apart
from tests.unit.world.test_inventory import HOST_NETNS, VM, VM_NETNS, process, row, world

TAP = "vmtap0"
SITE = Site(name="test", state=StateSection(tap_prefix=TAP, tap_id_characters=None))
SECOND = "vm-7b03852d-0631-4f91-ae8a-fd352348e9c2"
LEFT = "vm-8b03852d-0631-4f91-ae8a-fd352348e9c2"
THEIRS = {VM: VM_NETNS, SECOND: 3}
"""Each VM's own namespace."""
ROW, SECOND_ROW = (
    row(tap_device=TAP),
    row(SECOND, tap_device=TAP, firecracker_pid=101, ip_address="192.168.100.8"),
)


def here(*rows: LiveRow, netns: dict[str, int] = THEIRS, **parts: Any) -> Inventory:
    """Two running VMs, each in its namespace."""
    vmms = [process(pid, vm, netns=netns[vm]) for pid, vm in ((100, VM), (101, SECOND))]
    devices = [(TAP, inode, "", "br0") for inode in sorted(set(netns.values()))]
    found = world(*(rows or (ROW, SECOND_ROW)), **{"processes": vmms, "taps": devices} | parts)
    return replace(found, site=SITE)


def with_namespace(found: Inventory, name: str) -> Inventory:
    """Beside whatever else there is, a network namespace without a TAP."""
    parts = {**found.facts.parts, "taps": {"ok": {**found.facts.parts["taps"]["ok"], "names": {77: name}}}}
    return replace(found, facts=replace(found.facts, parts=parts))


RIGHT = {
    "by the VMMs in them": here(),
    "by the namespaces' names, where VMs hibernate": here(
        replace(ROW, status="hibernated"), processes=[], taps=[(TAP, 2, VM, None)]
    ),
    "by the beginning of the id": here(ROW, processes=[], taps=[(TAP, 2, f"fc-{VM[:11]}", None)]),
    "by rows that name no device": here(replace(ROW, tap_device=None), replace(SECOND_ROW, tap_device=None)),
    "beside a device of something else": here(
        taps=[*((TAP, n, "", None) for n in (2, 3)), ("vmtap01", 9, "x", None)]
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_each_tap_is_its_vms(name: str) -> None:
    assert (rows_without_tap(RIGHT[name]), stray_taps(RIGHT[name])) == ([], [])


NONE = f"no TAP called {TAP} in a network namespace of its own"
WRONG = {
    "one on the host, which all rows name": (here(taps=[(TAP, HOST_NETNS, "", "fcbr0")]), [NONE, NONE]),
    "one of two is gone": (here(taps=[(TAP, 3, "", None)]), [NONE]),
    "two VMMs in one namespace": (
        here(netns={VM: 2, SECOND: 2}),
        [f"its TAP {TAP} is also that of {vm}" for vm in (SECOND, VM)],
    ),
    "one on the host that two rows name": (
        here(
            *(replace(one, tap_device="fc-x") for one in (ROW, SECOND_ROW)),
            taps=[("fc-x", HOST_NETNS, "", "fcbr0")],
        ),
        [f"its TAP fc-x is also that of {vm}" for vm in (SECOND, VM)],
    ),
    "two VMMs in the host's own": (
        here(netns=dict.fromkeys(THEIRS, HOST_NETNS), taps=[(TAP, HOST_NETNS, "", "fcbr0")]),
        [f"its TAP {TAP} is also that of {vm}" for vm in (SECOND, VM)],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_looks_alike_and_is_wrong(name: str) -> None:
    found, told = WRONG[name]
    assert [one.why for one in rows_without_tap(found)] == told


def test_a_tap_that_is_left_is_stray_though_a_live_one_is_called_so() -> None:
    """And is deleted where it is."""
    left = [*((TAP, n, "", None) for n in (2, 3)), (TAP, 9, "old", None), (TAP, HOST_NETNS, "", None)]
    found = stray_taps(here(taps=left))
    assert [mend.line for one in found for mend in one.mends if isinstance(mend, Command)] == [
        f"sudo ip netns exec old ip link delete dev {TAP}",
        f"sudo ip link delete dev {TAP}",
    ]


@pytest.mark.parametrize(
    ("name", "is_stray"),
    [
        (LEFT, True),
        (f"fc-{LEFT}", True),
        (f"{LEFT}-net", True),
        (VM, False),
        (f"fc-{VM}-1", False),
        ("acc-0badc0-1", False),
        (LEFT[:11], False),
        ("", False),
    ],
)
def test_a_namespace_that_is_called_by_a_vm_goes_with_it(name: str, *, is_stray: bool) -> None:
    """Where nothing else is left of the VM, too; what names no VM as a whole may be anybody's."""
    found = with_namespace(here(), name)
    assert [mend.line for one in stray_taps(found) for mend in one.mends] == (
        [f"sudo ip netns delete {name}"] if is_stray else []
    )
    assert [one.key for one in nobodys(found)] == ([f"namespace {name}"] if is_stray else [])


LONG = [f"browser-vm-{number}b03852d-0631-4f91-ae8a-fd352348e9c2" for number in (6, 7, 8)]
"""Ids that begin all alike."""
OPEN = ["vm-6b03852d06314f91", "vm-7b03852d06314f91"]


def called(pattern: str, ids: Sequence[str], names: Sequence[str]) -> Inventory:
    """Live rows with these ids, without a VMM, and a TAP in each of these network namespaces."""
    rows = [row(one, tap_device=TAP, firecracker_pid=None) for one in ids]
    found = world(*rows, processes=[], taps=[(TAP, 50 + n, name, None) for n, name in enumerate(names)])
    taps = {**found.facts.parts["taps"]["ok"], "names": {50 + n: name for n, name in enumerate(names)}}
    state = SITE.state.model_copy(update={"vm_id_pattern": pattern})
    facts = replace(found.facts, parts={**found.facts.parts, "taps": {"ok": taps}})
    return replace(found, site=SITE.model_copy(update={"state": state}), facts=facts)


CALLED = {
    "ids that begin alike": called("browser-vm-[0-9a-f-]{36}", LONG[:2], LONG[:2]),
    "with more behind them": called("browser-vm-[0-9a-f-]+", LONG[:2], [f"{one}-net" for one in LONG[:2]]),
    "beginnings of ids of no fixed length": called("vm-[0-9a-f]+", OPEN, [one[:11] for one in OPEN]),
    "ids that are the beginning of others": called("vm-[0-9]+", ["vm-1", "vm-12"], ["vm-1", "vm-12"]),
    "beginnings that are all alike": called("browser-vm-[0-9a-f-]{36}", LONG[:2], [o[:15] for o in LONG[:2]]),
}


@pytest.mark.parametrize("name", CALLED)
def test_each_namespace_is_called_by_its_vm(name: str) -> None:
    """And not by every VM whose id begins so, nor by none."""
    found = CALLED[name]
    assert (rows_without_tap(found), stray_taps(found)) == ([], [])


@pytest.mark.parametrize(
    "found",
    [
        called("browser-vm-[0-9a-f-]{36}", LONG[:2], LONG),
        called("vm-[0-9]+", ["vm-1", "vm-2"], ["vm-1", "vm-2", "vm-12"]),
    ],
    ids=["ids that begin alike", "one that begins with another"],
)
def test_what_a_vm_left_is_not_of_one_whose_id_begins_alike(found: Inventory) -> None:
    left = found.taps.taps[-1].netns_name
    assert [one.thing for one in stray_taps(found)] == [
        f"TAP {TAP} in network namespace {left}",
        f"network namespace {left}",
    ]


@pytest.mark.parametrize(("kind", "is_stray"), [("cni-", False), ("netns-", False), ("fc-", True)])
def test_a_containers_namespace_is_no_vms(kind: str, *, is_stray: bool) -> None:
    """Though ids of VMs may be of the same form, and the host runs containers, too."""
    ids = [one.removeprefix("vm-") for one in (VM, SECOND, LEFT)]
    found = called("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", ids[:1], [f"fc-{ids[0]}"])
    beside = with_namespace(found, f"{kind}{ids[2]}")
    assert [one.thing for one in stray_taps(beside)] == [f"network namespace {kind}{ids[2]}"] * is_stray
    assert f"{kind}{ids[2]}" in beside.taps.names.values()


def test_a_vm_that_ended_has_its_namespace_yet() -> None:
    gone = LiveRow(LEFT, "destroyed")
    assert remains(with_namespace(here(), f"fc-{LEFT}"), gone) == {"tap": [f"network namespace fc-{LEFT}"]}
    assert remains(here(), gone) == {}


def test_rows_with_one_name_are_told_apart_by_namespace() -> None:
    """What two sessions share would else be the name of each one's device."""
    both, alone = here(), here(netns={VM: 2, SECOND: 2})
    assert tap_told(both, ROW) != tap_told(both, SECOND_ROW)
    assert tap_told(alone, ROW) == tap_told(alone, SECOND_ROW) == f"{TAP} and in network namespace 2"
    assert tap_told(both, replace(ROW, tap_device="fc-x")) == "fc-x"
    assert tap_told(both, replace(ROW, tap_device=None)) is None


def test_that_rows_share_a_name_is_then_no_claim() -> None:
    assert "db.live_vms_do_not_share[tap]" in not_applicable(SITE)
    assert "db.live_vms_do_not_share[tap]" not in not_applicable(Site(name="test"))


MAKE = """
mkdir -p /run/vms /run/sockets; cp -L /bin/sh /run/firecracker; mkfifo /run/end
for vm in {vms}; do
    ip netns add "$vm"
    ip -n "$vm" tuntap add vmtap0 mode tap
    ip -n "$vm" link set vmtap0 up
done
ip tuntap add vmtap0 mode tap
ip netns exec {running} /run/firecracker -c 'read line </run/end' --id {running} >/dev/null 2>&1 &
exec 9>/run/end"""


def test_real_namespaces_are_told_apart() -> None:
    """One with its VMM, one without, and one that is left; and a device of the host's own of that name."""
    left = LEFT
    host = Apart(MAKE.format(vms=f"{VM} {SECOND} {left}", running=VM))
    folders = {"vms_dir": "/run/vms", "sockets_dir": "/run/sockets"}
    vmm = {"binary": "/run/firecracker"}
    host.site = Site.model_validate(
        {"name": "here", "vmm": vmm, "state": {"tap_prefix": TAP, "tap_id_characters": None, **folders}}
    )
    rows = (ROW, SECOND_ROW)
    found = Inventory(host.site, ask_host(host, parts=INVENTORY, timeout_s=60), rows)
    assert rows_without_tap(found) == []
    assert [taps(found, one) for one in rows] == [[TAP, f"network namespace {one.vm_id}"] for one in rows]
    assert tap_told(found, ROW) != tap_told(found, SECOND_ROW)
    assert sorted(one.thing for one in stray_taps(found)) == [
        f"TAP {TAP}",
        f"TAP {TAP} in network namespace {left}",
        f"network namespace {left}",
    ]
