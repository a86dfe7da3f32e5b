"""The programs that run on the lab's host, on this machine."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.soak.seen import OnHost
from harness.custodian.names import start_time
from tests.unit.peers.small_suite import ROOT

PROGRAMS = ROOT / "bench" / "soak" / "on_host"
GENEROUS_S = 60.0


def told(program: str, argument: object) -> Any:
    """What a program prints, run as the lab's host runs it."""
    source = (PROGRAMS / program).read_text()
    argv = [sys.executable, "-I", "-S", "-c", source, json.dumps(argument)]
    return json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=GENEROUS_S).stdout)


def look(*folders: Path, others: tuple[Path, ...] = ()) -> OnHost:
    said = told("look.py", {"folders": [str(one) for one in folders], "others": [str(one) for one in others]})
    return OnHost.model_validate(said)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_process_is_seen_with_all_that_is_held_against_it(sleeper: subprocess.Popen[bytes]) -> None:
    (found,) = [one for one in look().processes if one.pid == sleeper.pid]
    assert (found.name, found.started, found.command) == ("sleep", start_time(sleeper.pid), "sleep 600 ")
    assert found.descriptors >= 3


def test_one_that_nobody_waited_for_is_seen_as_that(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    subprocess.run(["sleep", "0"], check=True)  # anything that lets it end
    found: list[str] = []
    while found != ["sleep (defunct)"]:
        found = [one.name for one in look().processes if one.pid == sleeper.pid]
        assert found


def test_the_look_does_not_see_itself() -> None:
    ours = f'{sys.executable} -I -S -c """Runs on the lab\'s host'
    assert not any(one.command.startswith(ours) for one in look().processes)


def test_folders_and_sockets_are_seen_but_for_what_others_judge(tmp_path: Path) -> None:
    theirs = tmp_path / "vms"
    theirs.mkdir()
    with socket.socket(socket.AF_UNIX) as own, socket.socket(socket.AF_UNIX) as other:
        for one, path in ((own, tmp_path / "a.sock"), (other, theirs / "b.sock")):
            one.bind(str(path))
            one.listen()
        things = look(tmp_path, others=(theirs,)).things
    here = {one for one in things if str(tmp_path) in one}
    assert here == {f"entry {tmp_path}/a.sock", f"entry {tmp_path}/vms", f"socket {tmp_path}/a.sock"}


def test_devices_and_mounts_are_seen_and_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    things = look(tmp_path / "none").things
    assert {"link lo", "mount /"} <= things
    assert not any(str(tmp_path) in one for one in things)


def test_the_custodian_on_record_is_killed(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    note = tmp_path / "owner.json"
    note.write_text(json.dumps({"pid": sleeper.pid, "start": start_time(sleeper.pid)}))
    assert told("strike.py", {"note": str(note)}) == sleeper.pid
    assert sleeper.wait(GENEROUS_S) == -signal.SIGKILL


def test_another_process_with_its_pid_is_not(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    note = tmp_path / "owner.json"
    note.write_text(json.dumps({"pid": sleeper.pid, "start": (start_time(sleeper.pid) or 0) - 1}))
    assert told("strike.py", {"note": str(note)}) is None
    assert sleeper.poll() is None


def test_as_long_as_none_is_on_record_none_is_killed(tmp_path: Path) -> None:
    assert told("strike.py", {"note": str(tmp_path / "owner.json")}) is None


def test_one_that_is_gone_is_not_killed(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as over:
        over.wait(GENEROUS_S)
    (tmp_path / "owner.json").write_text(json.dumps({"pid": over.pid, "start": 1}))
    assert told("strike.py", {"note": str(tmp_path / "owner.json")}) is None
