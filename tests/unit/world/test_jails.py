"""What the jailer made against the rows: found by its folder, told by the host's paths, ended with care."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clocks import Offset
from harness.database.vm_rows import LiveRow
from harness.host.facts import HostFacts
from harness.site.profile import Site, StateSection
from harness.world.inventory import Inventory
from harness.world.promises import rows_without_process, rows_without_socket
from harness.world.strays import stray_entries, stray_processes, stray_sockets
from harness.world.things import missing, nobodys, remains

VM = "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2"
OTHER = "vm-7b03852d-0631-4f91-ae8a-fd352348e9c2"
BASE = "/srv/jailer"
SITE = Site(name="test", state=StateSection(jails_dir=BASE))
GROUP = "/sys/fs/cgroup/firecracker"
ROW = LiveRow(VM, "running", "192.168.100.7", None, 100, f"{BASE}/firecracker/{VM}/root/run/api.sock")


def jail(name: str, pid: int | None = 100, **changes: Any) -> dict[str, Any]:
    """One in which a VMM runs and has its socket."""
    path = f"{BASE}/firecracker/{name}"
    socket = {"path": f"{path}/root/run/api.sock", "kind": "socket"}
    pids = [] if pid is None else [pid]
    made = {"path": path, "kind": "directory", "sockets": [socket], "pids": pids, "mounts": []}
    return made | changes


def process(pid: int, name: str) -> dict[str, Any]:
    """A VMM in its jail."""
    argv = ["/firecracker", "--id", name, "--start-time-us", "1", "--api-sock", "/run/api.sock"]
    return {"pid": pid, "ppid": 1, "state": "S", "comm": "firecracker", "started": pid, "argv": argv}


def world(*rows: LiveRow, jails: list[dict[str, Any]], running: list[dict[str, Any]]) -> Inventory:
    """A host whose VMMs are all jailed, each with a control group."""
    groups = [{"path": f"{GROUP}/{one['path'].rpartition('/')[2]}", "kind": "directory"} for one in jails]
    sockets = {one["path"]: one for made in jails for one in made["sockets"]}
    answers: dict[str, Any] = {
        "processes": {"vmms": running, "names": {one["pid"]: one["comm"] for one in running}},
        "state": {"count": 0, "entries": []},
        "sockets": {"real": "/run/firecracker", "count": 0, "entries": []},
        "taps": {"host_netns": 1, "names": {}, "taps": []},
        "paths": {row.socket_path: sockets.get(row.socket_path or "") for row in rows if row.socket_path},
        "jails": {"jails": jails, "groups": groups},
    }
    facts = HostFacts({name: {"ok": value} for name, value in answers.items()}, Offset(0, 0), 0)
    return Inventory(SITE, facts, rows)


JUDGES = (stray_processes, stray_entries, stray_sockets, rows_without_process, rows_without_socket)


@pytest.mark.parametrize("name", [VM, VM[3:], VM[3:].upper()])
@pytest.mark.parametrize("path", [ROW.socket_path, "/run/api.sock", None])
def test_a_jailed_vm_with_its_row_is_no_finding(name: str, path: str | None) -> None:
    """Whichever path its row has, the host's or the jail's, and whichever form of the id the jailer got."""
    row = LiveRow(VM, "running", "192.168.100.7", None, 100, path)
    if path is not None and path.startswith(BASE):
        row = LiveRow(VM, "running", "192.168.100.7", None, 100, path.replace(VM, name))
    here = world(row, jails=[jail(name)], running=[process(100, name)])
    assert [judge(here) for judge in JUDGES] == [[]] * len(JUDGES)
    assert missing(here, row, "folder") == missing(here, row, "socket") == ""
    assert nobodys(here) == []


@pytest.mark.parametrize("path", [f"{BASE}/firecracker/s-1/root/run/api.sock", None])
def test_a_live_vms_jail_is_its_own_whatever_it_is_called(path: str | None) -> None:
    """By the socket in it that the row names, or by its VMM: else both would be ended, by the mends shown."""
    row = LiveRow(VM, "running", "192.168.100.7", None, 100, path)
    vmm = process(100, "s-1")
    vmm["argv"] += [] if path else ["--config-file", f"/{VM}.json"]
    here = world(row, jails=[jail("s-1"), jail("s-2", None)], running=[vmm])
    assert [one.thing for one in stray_entries(here)] == [f"{BASE}/firecracker/s-2", f"{GROUP}/s-2"]
    assert remains(here, row)["folder"] == [f"{BASE}/firecracker/s-1"]
    assert [judge(here) for judge in JUDGES if judge is not stray_entries] == [[]] * 4


def test_what_is_left_of_a_jail_is_stray() -> None:
    """The folder with all that is in it, and the control group, which is no folder to be emptied."""
    here = world(jails=[jail(VM, None)], running=[])
    left, group = stray_entries(here)
    assert left.why == f"no live row: a jail; nothing runs in it; API socket {ROW.socket_path}"
    assert [mend.line for mend in left.mends] == [f"sudo rm -rf -- {BASE}/firecracker/{VM}"]
    assert [mend.line for mend in group.mends] == [f"sudo rmdir -- {GROUP}/{VM}"]


def test_a_jail_that_is_in_use_is_ended_before_it_is_removed() -> None:
    """And what is mounted in it is freed: a removal would take the golden files along."""
    snapshots = f"{BASE}/firecracker/{VM}/root/golden files"
    here = world(jails=[jail(VM, mounts=[snapshots])], running=[process(100, VM)])
    assert [mend.line for one in stray_processes(here) for mend in one.mends] == ["sudo kill -9 100"]
    lines = [mend.line for mend in stray_entries(here)[0].mends]
    assert lines[0] == "sudo kill -9 100"
    assert f"unmount first: sudo umount -- '{snapshots}'" in lines[1]
    assert lines[2].startswith("sudo rm -rf")


def test_a_program_of_another_name_in_a_jail_is_told_all_the_same() -> None:
    (left, _) = stray_entries(world(jails=[jail(VM, 77)], running=[]))
    assert "in it runs pid 77" in left.why
    assert "see what pid 77 is" in left.mends[0].line


def test_jails_with_sockets_of_one_name_are_told_apart() -> None:
    """Each VMM names /run/api.sock, and means its own."""
    inside = "/run/api.sock"
    rows = [LiveRow(VM, "running", "192.168.100.7", None, 100, inside)]
    rows.append(LiveRow(OTHER, "running", "192.168.100.8", None, 200, inside))
    here = world(*rows, jails=[jail(VM), jail(OTHER, 200)], running=[process(100, VM), process(200, OTHER)])
    assert [judge(here) for judge in JUDGES] == [[]] * len(JUDGES)
    assert [here.claimants(one) for one in here.processes.vmms] == [[rows[0]], [rows[1]]]
    lost = world(*rows, jails=[jail(VM), jail(OTHER, 200, sockets=[])], running=[])
    assert [one.thing for one in rows_without_socket(lost)] == [str(rows[1])]


def test_what_remains_of_a_vm_is_told_with_its_jail() -> None:
    """Though its row is no live one any more."""
    found = remains(world(jails=[jail(VM[3:])], running=[process(100, VM[3:])]), ROW)
    assert found.keys() == {"process", "socket", "folder"}
    assert found["folder"] == [f"{BASE}/firecracker/{VM[3:]}", f"{GROUP}/{VM[3:]}"]
    assert found["socket"] == [f"{BASE}/firecracker/{VM[3:]}/root/run/api.sock"]
