"""A host on which VMs have all that is theirs in their jails, and hosts that only look so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clocks import Offset
from harness.database.claims import is_the_hosts
from harness.database.vm_rows import LiveRow
from harness.errors import SiteError
from harness.host.facts import HostFacts
from harness.site.profile import Site, StateSection
from harness.world.inventory import Inventory
from harness.world.strays import stray_entries, stray_processes
from harness.world.things import missing, nobodys, remains
from harness.world.unjailed import outside_of_jails, whereabouts
from tests.unit.peers.this_machine import Here
from tests.unit.world.test_jails import BASE, GROUP, JUDGES, VM, jail, process, world

FOLDER = "/data/vms"
ALONE = Site(name="test", state=StateSection(vms_dir=None, sockets_dir=None, jails_dir=BASE))
WITH_FOLDER = Site(name="test", state=StateSection(vms_dir=FOLDER, sockets_dir=None, jails_dir=BASE))
INSIDE, LINK = "/run/api.sock", f"/run/firecracker/{VM}.sock"


def row(path: str | None) -> LiveRow:
    """The live row of a VM whose socket is there."""
    return LiveRow(VM, "running", "192.168.100.7", None, 100, path)


def seen(site: Site, *rows: LiveRow, **parts: Any) -> Inventory:
    """One jailed VM as the site's profile has it, and what lies at some paths of the host."""
    parts = {"jails": [jail(VM)], "running": [process(100, VM)], "there": {}, "state": []} | parts
    here = world(*rows, jails=parts["jails"], running=parts["running"])
    paths = {**here.facts.parts["paths"]["ok"], **parts["there"]}
    entries = [{"path": path, "kind": "directory"} for path in parts["state"]]
    told = {
        "paths": {"ok": paths},
        "state": {"ok": {"count": len(entries), "entries": entries}},
        "sockets": {"ok": {"real": "", "count": 0, "entries": []}},
    }
    return Inventory(site, HostFacts({**here.facts.parts, **told}, Offset(0, 0), 0), rows)


@pytest.mark.parametrize(
    ("site", "path", "parts"),
    [
        (ALONE, f"{BASE}/firecracker/{VM}/root{INSIDE}", {}),
        (ALONE, INSIDE, {}),
        (ALONE, INSIDE, {"there": {INSIDE: {"path": INSIDE, "kind": "socket"}}}),
        (ALONE, None, {}),
        (WITH_FOLDER, INSIDE, {"state": [f"{FOLDER}/{VM}"]}),
        (WITH_FOLDER, f"{FOLDER}/{VM}/api.sock", {"state": [f"{FOLDER}/{VM}"], "jails": []}),
    ],
    ids=["the host's path", "the jail's", "another's of that path", "no path", "disks apart", "in no jail"],
)
def test_a_vm_with_its_row_is_no_finding(site: Site, path: str | None, parts: dict[str, Any]) -> None:
    socket = {path: {"path": path, "kind": "socket"}} if path and FOLDER in path else {}
    here = seen(site, row(path), **({"there": socket} | parts))
    assert [judge(here) for judge in (*JUDGES, outside_of_jails)] == [[]] * (len(JUDGES) + 1)
    assert missing(here, row(path), "folder") == missing(here, row(path), "socket") == ""
    assert nobodys(here) == []


def test_what_is_left_is_found_and_what_is_gone_is_told_by_the_jails_folder() -> None:
    here = seen(ALONE, jails=[jail(VM, None)], running=[])
    assert [one.thing for one in stray_entries(here)] == [f"{BASE}/firecracker/{VM}", f"{GROUP}/{VM}"]
    assert remains(here, row(INSIDE)).keys() == {"folder", "socket"}
    gone = missing(seen(ALONE, jails=[], running=[]), row(INSIDE), "folder")
    assert gone == f"nothing in {BASE} begins with {VM}"


@pytest.mark.parametrize("kind", ["socket", "link"])
def test_a_socket_in_a_folder_is_told_with_the_field_that_names_it(kind: str) -> None:
    """Or a link to it: what is left of one there would be found by nobody."""
    here = seen(ALONE, row(LINK), there={LINK: {"path": LINK, "kind": kind}})
    (found,) = outside_of_jails(here)
    assert (found.thing, found.why) == (
        f"{LINK}, of {VM}",
        "in no jail, but in a folder: state.sockets_dir",
    )


def test_a_live_vms_vmm_in_no_jail_is_told_with_the_field_for_its_state() -> None:
    """Side by side with one in a jail; that of no row is a stray, or another site's."""
    other = f"{VM[:-1]}0"
    rows = (row(INSIDE), LiveRow(other, "running", "192.168.100.8", None, 200, None))
    apart = [process(pid, name) for pid, name in ((200, other), (300, "s-9"))]
    for one in apart:
        one["argv"][-1] = f"/tmp/{one['pid']}.sock"
    here = seen(ALONE, *rows, running=[process(100, VM), *apart])
    (found,) = outside_of_jails(here)
    assert found.thing == f"pid 200, the VMM of {other}"
    assert found.why == f"in no jail below {BASE}, so its state lies in a folder: state.vms_dir"
    assert [one.thing for one in stray_processes(here)] == ["pid 300 (parent 1)"]


def test_where_the_profile_names_the_folders_nothing_is_outside() -> None:
    """As on a host with VMs in jails and beside them."""
    both = Site(name="test", state=StateSection(jails_dir=BASE))
    there = {LINK: {"path": LINK, "kind": "socket"}}
    assert outside_of_jails(seen(both, row(LINK), jails=[], there=there)) == []


def test_without_a_folder_of_sockets_a_path_is_what_it_is() -> None:
    here = seen(ALONE)
    assert (here.plain("/srv/x"), here.plain("/var/run/x")) == ("/srv/x", "/run/x")


@pytest.mark.parametrize(("path", "is_hosts"), [(f"{BASE}/a/b/root/s", True), (INSIDE, False), (LINK, False)])
def test_only_a_path_below_the_jails_is_the_hosts_own(path: str, *, is_hosts: bool) -> None:
    assert is_the_hosts(ALONE, path) is is_hosts


NAME = "acc-no-jail"
"""What the process of this test is called."""


@pytest.fixture
def vmm() -> Iterator[int]:
    """A process with a VMM's name, in no jail."""
    waits = f"open('/proc/self/comm', 'w').write('{NAME}'); print(flush=True); input()"
    argv = [sys.executable, "-c", waits]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
        assert one.stdout
        one.stdout.readline()
        yield one.pid
        one.kill()


def machine(base: Path) -> Here:
    """This one, with a profile that has jails only."""
    here = Here()
    state = {"vms_dir": "none", "sockets_dir": "none", "jails_dir": str(base)}
    here.site = Site.model_validate({"name": "here", "state": state, "vmm": {"process_name": NAME}})
    return here


def test_a_profile_is_told_the_vmms_that_are_in_no_jail(tmp_path: Path, vmm: int) -> None:
    (tmp_path / "firecracker" / VM / "root").mkdir(parents=True)
    assert whereabouts(machine(tmp_path)).startswith(f"1 in {tmp_path}; VMMs in none of them: {vmm}:")


def test_a_profile_is_told_how_many_jails_there_are(tmp_path: Path) -> None:
    (tmp_path / "firecracker" / VM / "root").mkdir(parents=True)
    assert whereabouts(machine(tmp_path)) == f"1 in {tmp_path}"


def test_a_base_that_is_not_there_is_told_by_its_field(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=rf"^state\.jails_dir: {tmp_path}/none: .*No such file"):
        whereabouts(machine(tmp_path / "none"))
