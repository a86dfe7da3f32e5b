"""What the original's own jailer makes, found here as the suite finds it on a host; that needs no KVM."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.database.vm_rows import LiveRow
from harness.host.facts import INVENTORY, ask_host
from harness.host.parts import ControlGroup
from harness.site.profile import Site
from harness.wait import wait_until
from harness.world.inventory import Inventory
from harness.world.promises import rows_without_process, rows_without_socket
from harness.world.strays import stray_entries, stray_processes
from harness.world.things import remains
from tests.unit.host.test_probe import load_probe
from tests.unit.peers.this_machine import Here

pytestmark = pytest.mark.lab

VM = "vm-6b03852d-0631-4f91-ae8a-fd352348e9c2"
USER = "54321"
NAME = "acc-firecracker"
"""Of the copy that is jailed, so that no other VMM of this machine is meant."""
CPU = Path("/sys/fs/cgroup/cpu")


class Jailed:
    """A VMM in a jail below ``base``; ``row`` is that of its VM."""

    def __init__(self, jailer: Path, base: Path, vmm_id: str, *options: str) -> None:
        self.root = base / NAME / vmm_id / "root"
        place = ["--id", vmm_id, "--exec-file", str(base.parent / NAME), "--uid", USER, "--gid", USER]
        words = [
            str(jailer),
            *place,
            "--chroot-base-dir",
            str(base),
            *options,
            "--",
            "--api-sock",
            "/run/api.sock",
        ]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.socket.is_socket, what=f"the VMM to listen on {self.socket}", timeout_s=60)
        told = self.root / f"{NAME}.pid"  # by the jailer, which need not be the one that goes on
        self.pid = int(
            wait_until(lambda: told.read_text(), what=f"{told}", timeout_s=60, retry_on=(FileNotFoundError,))
        )
        self.row = LiveRow(VM, "running", "192.168.100.7", None, self.pid, str(self.socket))

    @property
    def socket(self) -> Path:
        """Its API's, by the host's path."""
        return self.root / "run/api.sock"

    def kill(self) -> None:
        """End the VMM, which need not be the process that we started; all that the jailer made stays."""
        if self._runs():
            os.kill(self.pid, signal.SIGKILL)
        self._process.wait(timeout=60)
        wait_until(lambda: not self._runs(), what="the VMM to end", timeout_s=60)

    def _runs(self) -> bool:
        """Whether it is that process yet: another one may have got its number."""
        try:
            return Path(f"/proc/{self.pid}/root").samefile(self.root)
        except OSError:
            return False


Start = Callable[..., Jailed]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """This machine as a site with a jailer."""
    for name in ("vms", "run", "jails"):
        (tmp_path / name).mkdir()
    state = {f"{name}_dir": str(tmp_path / name) for name in ("vms", "jails")}
    return Site.model_validate(
        {
            "name": "here",
            "vmm": {"binary": str(tmp_path / NAME), "process_name": NAME},
            "state": {**state, "sockets_dir": str(tmp_path / "run")},
        }
    )


@pytest.fixture
def jailed(original: Path, tmp_path: Path, site: Site) -> Iterator[Start]:
    """Starts VMMs by the jailer."""
    jailer = original.with_name("jailer")
    if not jailer.exists():
        pytest.skip(f"no jailer beside {original}")
    assert site.state.jails_dir is not None
    base = Path(site.state.jails_dir)
    (tmp_path / NAME).write_bytes(original.read_bytes())
    (tmp_path / NAME).chmod(0o755)
    with ExitStack() as stack:

        def start(vmm_id: str, *options: str) -> Jailed:
            made = Jailed(jailer, base, vmm_id, *options)
            stack.callback(made.kill)
            return made

        yield start


def look(site: Site, *rows: LiveRow) -> Inventory:
    """This machine and these rows."""
    host = Here()
    host.site = site
    paths = [row.socket_path for row in rows if row.socket_path]
    return Inventory(site, ask_host(host, parts=INVENTORY, paths=paths, timeout_s=60), rows)


def test_a_survey_tells_a_jail_by_the_hosts_paths(jailed: Start, tmp_path: Path) -> None:
    """The jailer gives a VMM mounts of its own, and with them a root that calls itself /."""
    vmm, given = jailed(VM), str(tmp_path / NAME)
    told = load_probe("survey.py")["opened"](vmm.pid, NAME, {}, {given: "1.2.3"})
    assert (told["root"], told["program"]) == (str(vmm.root), f"{vmm.root}/{NAME}")
    assert (told["copy_of"], told["version"]) == (given, "1.2.3")
    assert told["sockets"] == ["/run/api.sock"]


@pytest.mark.parametrize("vmm_id", [VM, VM.removeprefix("vm-"), "session-1"])
@pytest.mark.parametrize("options", [(), ("--new-pid-ns",)], ids=["plain", "pid-namespace"])
def test_a_jailed_vm_is_found_with_all_that_it_has(
    jailed: Start, site: Site, vmm_id: str, options: tuple[str, ...]
) -> None:
    """By its row nothing is stray and nothing is missing, and without one all of it is."""
    vm = jailed(vmm_id, *options)
    here = look(site, vm.row)
    judges = (stray_processes, stray_entries, rows_without_process, rows_without_socket)
    assert [judge(here) for judge in judges] == [[], [], [], []]
    (made,) = here.jails.jails
    assert (made.pids, [one.path for one in made.sockets]) == ((vm.pid,), [str(vm.socket)])
    nobodys = look(site)
    assert [mend.line for one in stray_processes(nobodys) for mend in one.mends] == [f"sudo kill -9 {vm.pid}"]
    (left,) = stray_entries(nobodys)
    assert [mend.line for mend in left.mends] == [
        f"sudo kill -9 {vm.pid}",
        f"sudo rm -rf -- {vm.root.parent}",
    ]


def test_a_jail_that_was_left_behind_is_stray(jailed: Start, site: Site) -> None:
    """Its VMM was killed: nobody removes the copy of the program, the device nodes, the socket."""
    vm = jailed(VM)
    vm.kill()
    here = look(site)
    assert stray_processes(here) == []
    (left,) = stray_entries(here)
    assert left.why == f"no live row: a jail; nothing runs in it; API socket {vm.socket}"
    assert [mend.line for mend in left.mends] == [f"sudo rm -rf -- {vm.root.parent}"]
    assert remains(here, vm.row) == {"folder": [str(vm.root.parent)], "socket": [str(vm.socket)]}


def test_a_row_whose_jail_is_gone_is_told(jailed: Start, site: Site) -> None:
    vm = jailed(VM)
    vm.kill()
    vm.socket.unlink()
    here = look(site, vm.row)
    assert [
        judge(here)[0].why.partition(";")[0] for judge in (rows_without_process, rows_without_socket)
    ] == [
        f"pid {vm.pid} does not run",
        f"{vm.socket} does not exist",
    ]


def test_a_socket_may_be_told_as_the_jail_has_it(jailed: Start, site: Site) -> None:
    vm = jailed(VM)
    row = LiveRow(VM, "running", "192.168.100.7", None, vm.pid, "/run/api.sock")
    assert rows_without_socket(look(site, row)) == []


def test_a_control_group_that_was_left_behind_is_stray(jailed: Start, site: Site) -> None:
    """Nothing but rmdir removes one."""
    if not (CPU / "cpu.shares").exists():
        pytest.skip("no control groups of the first version here")
    group = CPU / NAME / VM
    try:
        vm = jailed(VM, "--cgroup", "cpu.shares=512")
        assert stray_entries(look(site, vm.row)) == []
        vm.kill()
        found = [one for one in look(site).told_entries if isinstance(one, ControlGroup)]
        assert [one.path for one in found] == [str(group.resolve())]
        assert f"sudo rmdir -- {group.resolve()}" in {
            mend.line for one in stray_entries(look(site)) for mend in one.mends
        }
    finally:
        for folder in (group, group.parent):
            if folder.exists():
                folder.rmdir()
