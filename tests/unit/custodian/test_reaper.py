"""The reaper removes what dead runs of ours left, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness.custodian import reaper
from harness.custodian.names import start_time


def ended_process() -> int:
    """The pid of a process that is no more."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def leave_run(host_folders: Path, run: str, *, pid: int, start: int | None) -> None:
    """All that a run has on a host."""
    disks = host_folders / "disks" / run
    for folder in (host_folders / "run" / run / "1", disks):
        folder.mkdir(parents=True)
    (disks / "1.ext4").touch()
    (host_folders / "netns" / f"{run}-1").touch()
    owner = {"pid": pid, "start": start, "disks": str(disks)}
    (host_folders / "run" / run / "owner.json").write_text(json.dumps(owner))


def left(host_folders: Path) -> list[str]:
    """Everything there, as relative paths."""
    return sorted(str(path.relative_to(host_folders)) for path in host_folders.glob("*/*"))


def test_a_dead_run_is_removed_whole(host_folders: Path) -> None:
    leave_run(host_folders, "acc-00dead", pid=ended_process(), start=1)
    lines = reaper.reap(host_folders / "disks")
    assert left(host_folders) == []
    assert len(lines) == 3


def test_a_live_run_is_left_alone(host_folders: Path) -> None:
    leave_run(host_folders, "acc-00a11e", pid=os.getpid(), start=start_time(os.getpid()))
    before = left(host_folders)
    assert reaper.reap(host_folders / "disks") == []
    assert left(host_folders) == before


def test_a_pid_used_again_by_another_process_is_not_the_owner(host_folders: Path) -> None:
    leave_run(host_folders, "acc-00dead", pid=os.getpid(), start=1)
    reaper.reap(host_folders / "disks")
    assert left(host_folders) == []


def test_what_is_not_ours_is_left_alone(host_folders: Path) -> None:
    foreign = ["run/acc-", "run/acc-12345", "run/acc-1234567", "run/other", "disks/vms", "netns/acc-x-1"]
    for name in foreign:
        (host_folders / name).mkdir()
    (host_folders / "netns" / "blue").touch()
    assert reaper.reap(host_folders / "disks") == []
    assert left(host_folders) == sorted([*foreign, "netns/blue"])


def test_a_disk_of_a_run_that_left_no_other_trace_is_removed(host_folders: Path) -> None:
    (host_folders / "disks" / "acc-00dead").mkdir()
    reaper.reap(host_folders / "disks")
    assert left(host_folders) == []


def test_an_owners_note_cannot_send_it_elsewhere(host_folders: Path) -> None:
    leave_run(host_folders, "acc-00dead", pid=ended_process(), start=1)
    precious = host_folders / "disks" / "precious"
    precious.mkdir()
    note = host_folders / "run" / "acc-00dead" / "owner.json"
    note.write_text(json.dumps({"pid": 1, "start": -1, "disks": str(precious)}))
    reaper.reap(host_folders / "disks")
    assert precious.is_dir()


@pytest.mark.parametrize(("name", "killed"), [("acc-00dead-1", True), ("acc-00dead-2", False)])
def test_a_noted_process_is_killed_only_if_it_is_still_that_one(
    host_folders: Path, name: str, killed: bool
) -> None:
    leave_run(host_folders, "acc-00dead", pid=ended_process(), start=1)
    argv = ["sh", "-c", "echo; read x", "--id", "acc-00dead-1"]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # before, its command line may not yet be in place
    note = {"name": name, "pid": process.pid, "start": start_time(process.pid)}
    (host_folders / "run" / "acc-00dead" / "1.json").write_text(json.dumps(note))
    reaper.reap(host_folders / "disks")
    assert (process.poll() is not None) is killed
    process.communicate()


def test_a_run_is_claimed_with_its_owner(host_folders: Path) -> None:
    directory = reaper.claim_run("acc-00a11e", host_folders / "disks" / "acc-00a11e")
    owner = json.loads((directory / "owner.json").read_text())
    assert owner["pid"] == os.getpid()
    assert reaper.reap(host_folders / "disks") == []
