"""The reaper removes what dead runs of this host left, and nothing else: a name proves nothing."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.custodian import netns, reaper
from harness.custodian.names import start_time
from harness.custodian.owner import Owner
from harness.host.hypervisor import _CUSTODIAN_START_S
from tests.unit.peers.left_run import ended_process, leave_run, left

DEAD, ALIVE = "acc-00dead", "acc-00a11e"


def reap(host_folders: Path) -> list[str]:
    """As a run does when it starts."""
    return reaper.reap(host_folders / "disks")


def test_a_dead_run_is_removed_whole(host_folders: Path) -> None:
    folder = leave_run(host_folders, DEAD, clones=2)
    lines = reap(host_folders)
    assert left(host_folders) == []
    assert lines == [
        f"removed namespace {DEAD}-1",
        f"removed namespace {DEAD}-2",
        f"removed {host_folders}/disks/{DEAD}",
        f"removed {folder}",
    ]


def test_a_live_run_is_left_alone(host_folders: Path) -> None:
    leave_run(host_folders, ALIVE, alive=True)
    before = left(host_folders)
    assert reap(host_folders) == []
    assert left(host_folders) == before


def test_a_run_of_before_this_host_was_started_anew_is_removed(host_folders: Path) -> None:
    leave_run(host_folders, DEAD, pid=os.getpid(), start=start_time(os.getpid()), boot="another")
    reap(host_folders)
    assert left(host_folders) == []


ELSEWHERE: dict[str, dict[str, Any]] = {
    "another host": {"machine": "0" * 32, "boot": "another"},
    "a host cloned from this one": {"hostname": "twin", "boot": "another"},
    "another container": {"processes": 1},
}


@pytest.mark.parametrize("said", ELSEWHERE.values(), ids=ELSEWHERE)
def test_what_is_another_hosts_is_left_and_told(host_folders: Path, said: dict[str, Any]) -> None:
    """Disk copies may lie on storage that hosts share."""
    leave_run(host_folders, DEAD, **said)
    before = left(host_folders)
    lines = reap(host_folders)
    assert left(host_folders) == before
    folders = [host_folders / place / DEAD for place in ("run", "disks")]
    assert [line.split(":")[0] for line in lines] == [f"left {folder}" for folder in folders]
    assert all(f"if it is a dead run's: sudo rm -rf -- {host_folders}" in line for line in lines)


@pytest.mark.parametrize("place", ["run", "disks"])
@pytest.mark.parametrize("name", ["acc-202409", "acc-facade", "acc-decade", "acc-000000"])
def test_a_folder_that_is_only_called_so_is_left_and_told(host_folders: Path, place: str, name: str) -> None:
    folder = host_folders / place / name
    folder.mkdir()
    (folder / "precious").touch()
    (line,) = reap(host_folders)
    assert (folder / "precious").exists()
    assert line == (
        f"left {folder}: owner.json: No such file or directory; if it is a dead run's:"
        f" sudo rm -rf -- {folder}"
    )


def test_a_namespace_that_is_only_called_so_is_left_and_told(host_folders: Path) -> None:
    (host_folders / "netns" / "acc-202409-1").touch()
    (line,) = reap(host_folders)
    assert left(host_folders) == ["netns/acc-202409-1"]
    assert line.endswith("if it is a dead run's: sudo ip netns delete acc-202409-1")


def test_a_namespace_that_no_note_of_its_run_names_is_left_and_told(host_folders: Path) -> None:
    leave_run(host_folders, DEAD)
    (host_folders / "netns" / f"{DEAD}-7").touch()
    assert f"left namespace {DEAD}-7: no note says that it is of this suite; " in reap(host_folders)[-1]
    assert left(host_folders) == [f"netns/{DEAD}-7"]


def test_what_is_called_otherwise_is_not_looked_at(host_folders: Path) -> None:
    foreign = ["run/acc-", "run/acc-12345", "run/acc-1234567", "run/other", "disks/vms", "netns/acc-x-1"]
    for name in foreign:
        (host_folders / name).mkdir()
    (host_folders / "netns" / "blue").touch()
    (host_folders / os.fsdecode(b"disks/acc-\xff\xffdead")).mkdir()
    before = left(host_folders)
    assert reap(host_folders) == []
    assert left(host_folders) == before


@pytest.mark.parametrize("pid", [0, 1])
def test_what_a_run_of_an_older_version_left_is_told_and_stays(host_folders: Path, pid: int) -> None:
    folder = leave_run(host_folders, DEAD)
    (folder / "owner.json").write_text(json.dumps({"pid": pid, "start": 1, "disks": "/x"}))
    (folder / "session-1.json").write_text('{"session": "s1"}')
    lines = reap(host_folders)
    assert "cancel the sessions that its notes name, then sudo rm -rf -- " in lines[0]
    assert [line.split(": ")[0] for line in lines] == [
        f"left {folder}",
        f"removed {host_folders}/disks/{DEAD}",
        f"left namespace {DEAD}-1",
    ]
    assert left(host_folders) == [f"netns/{DEAD}-1", f"run/{DEAD}"]


def test_disks_of_a_run_that_left_no_other_trace_are_removed(host_folders: Path) -> None:
    folder = leave_run(host_folders, DEAD, clones=0)
    (folder / "owner.json").unlink()
    folder.rmdir()
    assert reap(host_folders) == [f"removed {host_folders}/disks/{DEAD}"]
    assert left(host_folders) == []


def test_disks_that_lie_elsewhere_are_found_by_the_runs_note(host_folders: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    leave_run(host_folders, DEAD, disks=str(elsewhere / DEAD))
    (host_folders / "disks" / DEAD).rename(elsewhere / DEAD)
    reap(host_folders)
    assert (left(host_folders), list(elsewhere.iterdir())) == ([], [])


@pytest.mark.parametrize("name", ["precious", DEAD])
def test_an_owners_note_cannot_send_it_elsewhere(host_folders: Path, tmp_path: Path, name: str) -> None:
    precious = tmp_path / "elsewhere" / name
    precious.mkdir(parents=True)
    leave_run(host_folders, DEAD, disks=str(precious))
    reap(host_folders)
    assert precious.is_dir()


def test_a_link_is_not_followed(host_folders: Path, tmp_path: Path) -> None:
    """Neither one that is called so, nor one that a run left."""
    (tmp_path / "precious").mkdir()
    owned = leave_run(host_folders, DEAD)
    (owned / "1" / "away").symlink_to(tmp_path / "precious")
    (host_folders / "run" / "acc-facade").symlink_to(owned)
    (host_folders / "disks" / "acc-facade").symlink_to(tmp_path / "precious")
    lines = reap(host_folders)
    assert (tmp_path / "precious").is_dir()
    assert left(host_folders) == ["disks/acc-facade", "run/acc-facade"]
    assert [line.split(";")[0] for line in lines if line.startswith("left")] == [
        f"left {host_folders}/{place}/acc-facade: it is no folder" for place in ("run", "disks")
    ]


CROOKED_NOTES: dict[str, Callable[[Path], object]] = {
    "empty": lambda note: note.touch(),
    "half": lambda note: note.write_text('{"pid": 1'),
    "a list": lambda note: note.write_text("[]"),
    "bytes": lambda note: note.write_bytes(b"\xff\x00"),
    "a folder": lambda note: note.mkdir(),
    "a link": lambda note: note.symlink_to("/dev/zero"),
    "a pipe": os.mkfifo,
    "none": lambda _: None,
}


@pytest.mark.parametrize("which", ["owner.json", "1.json", "session-1.json"])
@pytest.mark.parametrize("lay", CROOKED_NOTES.values(), ids=CROOKED_NOTES)
def test_a_note_that_is_none_is_reaped_around(
    host_folders: Path, which: str, lay: Callable[[Path], object]
) -> None:
    crooked = leave_run(host_folders, "acc-bad000")
    (crooked / which).unlink(missing_ok=True)
    lay(crooked / which)
    leave_run(host_folders, DEAD)
    lines = reap(host_folders)
    assert [path for path in left(host_folders) if DEAD in path] == []
    if which == "owner.json":
        assert any(line.startswith(f"left {crooked}: owner.json") for line in lines)
    elif which == "session-1.json" and os.path.lexists(crooked / which):
        assert any(line.startswith(f"{crooked}/session-1.json: ") for line in lines)
        assert sorted(path.name for path in crooked.iterdir()) == ["owner.json", "session-1.json"]
    else:  # our own folder: what its clones' notes are called says enough
        assert not crooked.exists()


def test_what_goes_meanwhile_is_no_trouble(host_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when another reaper, of an older version, is at it."""
    folder = leave_run(host_folders, DEAD)
    standing = Owner.standing

    def and_goes(self: Owner) -> Any:
        found = standing(self)
        subprocess.run(["rm", "-rf", str(folder), str(host_folders / "disks" / DEAD)], check=True)
        return found

    monkeypatch.setattr(Owner, "standing", and_goes)
    reap(host_folders)
    assert left(host_folders) == [f"netns/{DEAD}-1"]


def test_while_another_reaper_is_at_work_nothing_is_touched(
    host_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaper, "_LOCK_S", 0.1)
    leave_run(host_folders, DEAD)
    before = left(host_folders)
    handle = os.open(host_folders / "run", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        (line,) = reap(host_folders)
    finally:
        os.close(handle)
    assert line.startswith("another run was removing what dead runs left here")
    assert left(host_folders) == before


@pytest.mark.parametrize(("name", "killed"), [(f"{DEAD}-1", True), (f"{DEAD}-2", False)])
def test_a_noted_process_is_killed_only_if_it_is_still_that_one(
    host_folders: Path, name: str, killed: bool
) -> None:
    folder = leave_run(host_folders, DEAD)
    argv = ["sh", "-c", "echo; read x", "--id", f"{DEAD}-1"]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # before, its command line may not yet be in place
    note = {"name": name, "pid": process.pid, "start": start_time(process.pid)}
    (folder / f"{name.rpartition('-')[2]}.json").write_text(json.dumps(note))
    reap(host_folders)
    assert (process.poll() is not None) is killed
    process.communicate()


def test_what_no_kill_ends_holds_nobody_up(host_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be they many: a run begins only when all of it is done, and is given up where that takes too long."""
    leave_run(host_folders, DEAD, clones=9)
    waited_s = 0.0

    def wait(seconds: float) -> None:
        nonlocal waited_s
        waited_s += seconds

    clock = SimpleNamespace(monotonic=lambda: waited_s, sleep=wait)
    monkeypatch.setattr(reaper, "time", clock)
    monkeypatch.setattr(reaper, "start_time", lambda _: 1)
    monkeypatch.setattr(os, "kill", lambda *_: None)
    monkeypatch.setattr(netns, "processes_inside", lambda _: [7])
    told = [line for line in reap(host_folders) if line.startswith("could not kill process in namespace")]
    assert len(told) == 9
    assert waited_s < _CUSTODIAN_START_S


def test_the_hosts_own_namespace_is_no_clones(host_folders: Path) -> None:
    """Or all that runs on the host would be killed."""
    folder = leave_run(host_folders, DEAD)
    name = netns.NAMES / f"{DEAD}-1"
    subprocess.run(["mount", "--bind", "/proc/self/ns/net", str(name)], check=True)
    try:
        lines = reap(host_folders)
    finally:
        subprocess.run(["umount", str(name)], check=True)
    assert any("it is the host's own namespace, and no clone's" in line for line in lines)
    assert sorted(path.name for path in folder.iterdir()) == ["1.json", "owner.json"]


def test_what_cannot_be_removed_is_told_and_stays_on_record(host_folders: Path) -> None:
    folder = leave_run(host_folders, DEAD)
    busy = folder / "1"
    subprocess.run(["mount", "-t", "tmpfs", "none", str(busy)], check=True)
    try:
        assert any(f"could not remove {folder}: {busy}: [Errno 16]" in line for line in reap(host_folders))
        assert left(host_folders) == [f"run/{DEAD}"]
    finally:
        subprocess.run(["umount", str(busy)], check=True)
    assert reap(host_folders) == [f"removed {folder}"]


def test_a_run_is_claimed_with_its_owner(host_folders: Path) -> None:
    directory = reaper.claim_run(ALIVE, host_folders / "disks" / ALIVE)
    assert Owner.of(directory) == Owner.myself(ALIVE, host_folders / "disks" / ALIVE)
    assert reap(host_folders) == []


def test_an_empty_draft_of_nobody_goes_and_one_of_somebody_stays(host_folders: Path) -> None:
    for place in ("run", "disks"):
        (host_folders / place / f".{DEAD}.{ended_process()}").mkdir()
        (host_folders / place / f".{ALIVE}.7").mkdir()
        (host_folders / place / f".{ALIVE}.7" / "precious").touch()
    assert reap(host_folders) == []
    assert left(host_folders) == [f"{place}/.{ALIVE}.7" for place in ("disks", "run")]
