"""A kill at any moment leaves nothing that the next run's reaper does not find and remove."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.custodian import netns, reaper
from harness.custodian.names import start_time
from tests.unit.peers.custodian_process import start_custodian
from tests.unit.peers.left_run import leave_run, left
from tests.unit.peers.small_suite import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, as root")

RUN = "acc-00dead"
VMM = f"""#!{sys.executable} -IS
import signal, socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[sys.argv.index("--api-sock") + 1])
listening.listen()
signal.pause()
"""

LIFE = """
import os, signal, sys, threading
from pathlib import Path
from harness.custodian import netns, owner, reaper
from harness.custodian.cell import Cell, Plan
from harness.custodian.owner import Owner

root, last = Path(sys.argv[1]), int(sys.argv[2])
run = "acc-00dead"
reaper.RUNS, netns.NAMES = root / "run", root / "netns"
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "subprocess.Popen")
steps, counting = 0, False

def count(event, args):
    "Before the step of that number that changes a disk, or makes a process, there is no next one."
    global steps
    writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
    if counting and (writes or event in CHANGES):
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
counting = True
directory = reaper.claim_run(run, root / "disks" / run)
mine = Owner.of(directory)
plan = Plan(f"{run}-1", str(root / "vmm"), "vmtap0", "192.168.100.1/24", str(root / "golden"),
            str(root / "disks" / run / "1.ext4"), 60)
cell = Cell(plan, directory / "1", 0, mine)
cell.open_namespace()
cell.namespace.call(cell.make)
cell.destroy()
for folder in (root / "disks" / run, directory):
    assert owner.remove(folder) == []
counting = False
print(steps, flush=True)
"""


def live(host_folders: Path, last: int) -> int | None:
    """A run with a clone, from its beginning to its end, killed before a step; None where it was."""
    done = subprocess.run(
        [sys.executable, "-c", LIFE, str(host_folders), str(last)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return int(done.stdout) if done.returncode == 0 else None


@pytest.fixture
def host(host_folders: Path) -> Path:
    """A host with a VMM and a golden disk."""
    (host_folders / "vmm").write_text(VMM)
    (host_folders / "vmm").chmod(0o755)
    (host_folders / "golden").write_bytes(b"x" * 5000)
    return host_folders


def test_wherever_it_is_killed_nothing_stays(host: Path) -> None:
    steps = live(host, 0)
    assert steps is not None
    assert steps > 30  # or little would be proved
    told: dict[int, list[str]] = {}
    for last in range(1, steps + 1):
        assert live(host, last) is None
        lines = reaper.reap(host / "disks")
        if left(host) or not all(line.startswith(("removed", "killed")) for line in lines):
            told[last] = [*left(host), *lines]
    assert told == {}


def test_two_runs_that_start_at_once_do_not_trip_over_what_is_left(host: Path) -> None:
    for number in range(5):
        dead = [leave_run(host, f"acc-dead{number}{digit}", clones=3) for digit in range(5)]
        started = [start_custodian(host, f"acc-a{number}000{digit}") for digit in range(2)]
        told = [process.communicate(program, timeout=60) for process, program in started]
        assert [(process.returncode, said[1]) for (process, _), said in zip(started, told, strict=True)] == [
            (0, b"")
        ] * 2
        assert left(host) == []
        heard = b"".join(said[0] for said in told)
        assert all(f"removed {folder}".encode() in heard for folder in dead)


def test_a_reaper_that_is_killed_is_followed_by_the_next(host: Path) -> None:
    """Whatever it had come to: here, at what ends the first process in a namespace of a dead run."""
    leave_run(host, RUN, clones=3)
    inside = netns.Namespace(f"{RUN}-4")
    (host / "run" / RUN / "4.json").write_text("{}")
    process = inside.call(subprocess.Popen, ["sleep", "600"])
    first, program = start_custodian(host)
    assert first.stdin is not None
    first.stdin.write(program)
    first.stdin.flush()
    process.wait(60)
    first.kill()
    first.communicate()
    assert start_time(process.pid) is None
    reaper.reap(host / "disks")
    assert [path for path in left(host) if RUN in path] == []
    inside._named = False
    inside.delete()
