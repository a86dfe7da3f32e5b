"""The lab's twin from outside: which processes are its own, and whether all that it should run does."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.run import Result
from lab import store
from lab.minipc import access, cgroups, code, nspawn, report, tree, twin
from lab.minipc.host import Host
from lab.minipc.nspawn import Twin
from lab.minipc.process import Process, process
from lab.paths import LabPaths


def lab_in(home: Path) -> LabPaths:
    """A lab elsewhere than the default one, as LAB_HOME makes it."""
    return LabPaths(home, home / "run")


def names_ended(paths: LabPaths, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the groups that `nspawn.stop` would kill everything in."""
    ended: list[Path] = []

    def end_all(ours: Sequence[Path]) -> None:
        ended.extend(ours)

    monkeypatch.setattr(cgroups, "end_all", end_all)
    monkeypatch.setattr(cgroups, "groups", lambda name: [Path(name)])
    nspawn.stop(paths)
    return {path.name for path in ended}


def put_on_record(paths: LabPaths, pid: int) -> None:
    """Have that process for the lab's leader."""
    leader = process(pid)
    assert leader
    paths.run.mkdir(parents=True)
    record = {"pid": leader.pid, "started": leader.started}
    (paths.run / "leader.json").write_text(json.dumps(record))


def test_labs_in_folders_of_one_name_have_different_names() -> None:
    """Whoever ends the one would end the other, too."""
    one, other = (nspawn.name(lab_in(Path(home))) for home in ("/srv/a/lab", "/srv/b/lab"))
    assert one != other
    assert nspawn.name(lab_in(Path("/srv/a/lab"))) == one


def test_the_default_lab_has_the_plain_name() -> None:
    assert nspawn.name(LabPaths()) == "minipc"


@pytest.mark.parametrize("folder", ["my lab", "_", "ü", "x" * 200])
def test_a_name_is_a_host_name_whatever_the_folder_is_called(folder: str) -> None:
    """systemd-nspawn takes nothing else."""
    assert re.fullmatch(r"minipc-[0-9a-f]{8}", nspawn.name(lab_in(Path("/srv", folder))))


def test_a_twin_that_was_booted_under_another_name_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its group is the one that its leader is in."""
    paths = lab_in(tmp_path / "lab")
    put_on_record(paths, os.getpid())
    monkeypatch.setattr(
        cgroups, "names", lambda leader: {"minipc-lab"} if leader.pid == os.getpid() else set()
    )
    assert names_ended(paths, monkeypatch) == {nspawn.name(paths), "minipc-lab"}


def test_without_a_leader_on_record_the_name_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed `lab up` may have left a twin before it put it on record."""
    paths = lab_in(tmp_path / "lab")
    assert names_ended(paths, monkeypatch) == {nspawn.name(paths)}


def test_a_group_of_ours_is_told_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """In any hierarchy; a process that is in none of ours, or gone, has no name of ours."""
    text = "4:memory:/other\n1:name=systemd:/acceptance-lab-minipc-lab/payload/init\n0::/acceptance-lab-x\n"
    me = process(os.getpid())
    assert me
    assert cgroups.names(me) == set()
    monkeypatch.setattr(Path, "read_text", lambda _self: text)
    assert cgroups.names(me) == {"minipc-lab", "x"}


RUNNING = Twin(Process(1, 1))


class RunningTwin:
    """A twin whose systemd says that it runs; units may be stopped in it, and are started."""

    def __init__(self) -> None:
        self.stopped: set[str] = set()

    def ask(self, _host: Host, *words: str, **_: object) -> Result:
        """What a program in it says."""
        said = "running"
        if words[:2] == ("systemctl", "start"):
            self.stopped -= set(words)
        elif words[:2] == ("systemctl", "show"):
            said = "\n\n".join(self.state(unit) for unit in words if unit.endswith(".service"))
        return Result(words, 0, said, "")

    def state(self, unit: str) -> str:
        """A unit as `systemctl show` has it."""
        state, sub = ("inactive", "dead") if unit in self.stopped else ("active", "running")
        return f"Id={unit}\nActiveState={state}\nSubState={sub}"


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> RunningTwin:
    """A lab that is up and up to date, whatever its folder is."""
    running = RunningTwin()
    monkeypatch.setattr(access, "ask", running.ask)
    monkeypatch.setattr(nspawn, "find", lambda _paths: RUNNING)
    monkeypatch.setattr(store, "is_mounted", lambda _paths: False)
    monkeypatch.setattr(code, "install", lambda _paths: [])
    monkeypatch.setattr(report, "live_vms", lambda _host: [])
    for part in (tree, code):
        monkeypatch.setattr(part, "is_current", lambda _paths: True)
    return running


UNITS = ["lab-provider.service", "ssh.service", "master-controller.service", "postgresql@15-main.service"]


@pytest.mark.parametrize("unit", UNITS)
def test_the_lab_is_not_up_while_a_unit_of_it_is_stopped(
    unit: str, running: RunningTwin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """systemd itself is well without it: the last run of a fault may have been killed before it healed."""
    paths = lab_in(tmp_path)
    paths.site.touch()
    assert report.show(paths)
    running.stopped.add(unit)
    assert not report.show(paths)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "inactive" in line]
    assert line.split() == [unit, "inactive", "(dead);", "python", "-m", "lab", "up"]


@pytest.mark.parametrize("unit", UNITS)
def test_up_starts_a_unit_that_is_stopped(unit: str, running: RunningTwin, tmp_path: Path) -> None:
    """The twin runs on, whole again."""
    running.stopped.add(unit)
    assert twin._renew(lab_in(tmp_path)) == RUNNING
    assert running.stopped == set()
