"""The lab's two kinds of host: which one it is, which one runs, and the ways into either."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from harness.errors import UsageError
from lab import store
from lab.minipc import access, cgroups, deployment, hosts, keys, nspawn, record, twin
from lab.minipc.kvm import machine
from lab.minipc.kvm.machine import Machine
from lab.minipc.nspawn import Twin
from lab.minipc.process import Process, process
from lab.paths import LabPaths


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabPaths:
    """A lab in a folder of this test; no process is ended for it."""
    monkeypatch.setattr(cgroups, "end_all", lambda _groups: None)
    paths = LabPaths(tmp_path / "lab", tmp_path / "run")
    paths.run.mkdir()
    return paths


def me() -> Process:
    """A process that runs."""
    found = process(os.getpid())
    assert found
    return found


def test_the_twin_is_what_a_lab_has_at_first(paths: LabPaths) -> None:
    assert hosts.chosen(paths) is nspawn


def test_a_lab_stays_on_the_host_that_it_was_brought_up_on(paths: LabPaths) -> None:
    hosts.choose(paths, "kvm")
    assert hosts.chosen(paths) is machine
    assert hosts.chosen_name(paths) == "kvm"


def test_a_host_that_there_is_none_of_is_refused_by_name(paths: LabPaths) -> None:
    paths.host.parent.mkdir()
    paths.host.write_text("xen\n")
    with pytest.raises(UsageError, match="'xen'"):
        hosts.chosen(paths)


@pytest.mark.parametrize(
    ("put", "is_found", "other"),
    [
        (record.Record(me()), nspawn, machine),
        (record.Record(me(), port=2222), machine, nspawn),
    ],
)
def test_a_running_host_is_found_as_what_it_is(
    put: record.Record, is_found: hosts.Kind, other: hosts.Kind, paths: LabPaths
) -> None:
    record.write(paths, put)
    found = is_found.find(paths)
    assert found is not None
    assert hosts.find(paths) == found
    assert other.find(paths) is None


def test_the_end_of_the_one_forgets_no_other_that_runs(paths: LabPaths) -> None:
    """Who brings the lab up on the machine has the twin ended first, also where there is none."""
    record.write(paths, record.Record(me(), port=2222))
    nspawn.stop(paths)
    assert isinstance(hosts.find(paths), Machine)


def test_what_has_ended_is_no_host(paths: LabPaths) -> None:
    ended = Process(me().pid, started=1)
    record.write(paths, record.Record(ended, port=2222))
    assert hosts.find(paths) is None
    machine.stop(paths)
    assert not list(paths.run.iterdir())


def test_another_choice_ends_the_host_that_runs(paths: LabPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr(nspawn, "stop", lambda _paths: ended.append("nspawn"))
    monkeypatch.setattr(machine, "stop", lambda _paths: ended.append("kvm"))
    hosts.choose(paths, "kvm")
    assert ended == ["nspawn"]
    hosts.choose(paths, "nspawn")
    assert ended == ["nspawn", "kvm"]


def test_words_reach_the_machine_as_they_are(paths: LabPaths) -> None:
    """Its shell takes them apart again: blanks, quotes and dollars are no shell's business."""
    script = """echo "$HOME" 'a  b'; exit"""
    ssh, *_, line = Machine(me(), 2222, paths).inside(["sh", "-euc", script, Path("/x y")])
    assert ssh == "ssh"
    assert shlex.split(str(line).removeprefix("cd / && exec sudo -n -- ")) == ["sh", "-euc", script, "/x y"]


def test_a_door_is_one_command_line(paths: LabPaths) -> None:
    """It goes into a profile, and into ssh's ProxyCommand."""
    twin, other = Twin(Process(7, 0)), Machine(Process(7, 0), 2222, paths)
    assert twin.door(22) == "nsenter -t 7 -n socat - TCP:127.0.0.1:22"
    assert other.door(22) == "socat - TCP:127.0.0.1:2222"
    words = shlex.split(other.door(4000))
    assert words[0] == "ssh"
    assert words[-3:] == ["-W", "127.0.0.1:4000", "polydev@minipc"]
    assert f"ProxyCommand={other.door(22)}" in words
    assert str(keys.known_hosts(paths)) in other.door(80, "192.168.100.2")


def test_a_vm_is_reached_through_whichever_host(paths: LabPaths) -> None:
    for host in (Twin(Process(7, 0)), Machine(Process(7, 0), 2222, paths)):
        words = access.ssh_to_vm(paths, host, "192.168.100.2")
        assert f"ProxyCommand={host.door(22, '192.168.100.2')}" in words


@pytest.mark.parametrize(
    ("as_deployment", "on_host"), [(None, "kvm"), ("coldboot", "kvm"), ("coldboot", None)], ids=str
)
def test_what_is_refused_is_not_chosen(
    paths: LabPaths, monkeypatch: pytest.MonkeyPatch, as_deployment: str | None, on_host: str | None
) -> None:
    """The next `up` is asked to do what the lab could before."""
    monkeypatch.setattr(store, "mount", lambda _paths: None)
    had = ("runbook", "kvm") if on_host is None else ("coldboot", "nspawn")
    deployment.choose(paths, had[0])
    hosts.choose(paths, had[1])
    with pytest.raises(UsageError, match="the runbook's deployment alone"):
        twin.up(paths, as_deployment=as_deployment, on_host=on_host, firecracker="/no/such/file")
    assert (deployment.chosen(paths).name, hosts.chosen_name(paths)) == had
