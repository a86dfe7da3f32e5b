"""Which VMs of the suite are on a host, as its custodians have it on record, and what can be done to one."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from harness.custodian import owner
from harness.custodian.kept import Kept
from harness.custodian.names import start_time
from harness.errors import HarnessError, UsageError, VmError
from harness.keeping import found
from tests.unit.peers.left_run import leave_run, owner_of
from tests.unit.peers.this_machine import Here

RUN = "acc-00a11e"
NAME = f"{RUN}-1"
KEPT = Kept(NAME, "guest.agent_is_enabled", 1800.0)


@pytest.fixture
def host(host_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run that lives, with one VM, which is this process."""
    monkeypatch.setattr(found, "RUNS", host_folders / "run")
    folder = leave_run(host_folders, RUN, alive=True)
    runs(folder, os.getpid())
    return folder


def runs(folder: Path, pid: int, number: int = 1) -> None:
    """A VM's VMM is that process."""
    (folder / f"{number}.json").write_text(
        json.dumps({"name": f"{folder.name}-{number}", "pid": pid, "start": start_time(pid)})
    )


def lines() -> list[str]:
    """The list, as a person sees it."""
    return [str(one) for one in found.list_vms(Here())]


def test_one_of_a_run_that_goes_on_is_listed(host: Path) -> None:
    assert host.is_dir()
    assert lines() == [f"{NAME}  of run 00a11e, which goes on"]


def test_one_that_is_kept_says_until_when_and_for_what(host: Path) -> None:
    KEPT.write(host)
    assert lines() == [f"{NAME}  kept until its run ends, and 30m more, for guest.agent_is_enabled"]
    KEPT.ending(1_764_475_200.0).write(host)
    assert lines() == [
        f"{NAME}  kept until 2025-11-30 04:00:00 UTC by the host's clock, for guest.agent_is_enabled"
    ]
    runs(host, 1 << 22)
    assert lines()[0].endswith(", its VMM has ended")


def test_those_of_dead_runs_and_what_is_no_note_are_passed_over(host_folders: Path, host: Path) -> None:
    leave_run(host_folders, "acc-00dead")
    (host / "2.json").write_text("[]")
    (host / "1x.json").write_text("{}")
    (host / "kept-2.json").write_text("garbage")
    (host / "3.json").symlink_to("/etc/passwd")
    os.mkfifo(host / "4.json")
    strange = host_folders / "run" / "acc-00c0de"
    owner.claim(strange, dataclasses.replace(owner_of("acc-00c0de", host_folders)), mode=0o700)
    (strange / "owner.json").write_text('{"pid": "x", "start": []}')
    (strange / "1.json").write_text("{}")
    assert [(one.name, one.runs, one.kept) for one in found.list_vms(Here())] == [
        (NAME, True, None),
        (f"{RUN}-2", False, None),
        (f"{RUN}-3", False, None),
        (f"{RUN}-4", False, None),
    ]


@pytest.mark.parametrize("name", ["", "acc-00a11e-9", "acc-00b22e-1", "../1", "nonsense\x1b[2J"])
@pytest.mark.parametrize("act", [found.find, found.drop, found.console])
def test_a_name_that_there_is_not_is_told_as_such(host: Path, act: Any, name: str) -> None:
    assert host.is_dir()
    with pytest.raises(UsageError, match="there is no such VM on the host") as caught:
        act(Here(), name)
    assert caught.value.hint == "python -m harness vm list"


def test_one_whose_vmm_has_ended_has_only_its_console(host: Path) -> None:
    runs(host, 1 << 22)
    with pytest.raises(VmError, match="its VMM has ended") as caught:
        found.find(Here(), NAME, running=True)
    assert caught.value.hint == f"what is left of it to see: python -m harness vm console {NAME}"
    (host / "1" / "console.log").write_text("panic")
    assert found.console(Here(), NAME) == "panic"


def test_a_console_begins_where_it_is_kept(host: Path) -> None:
    """What is older was made a hole, or is too much to be sent."""
    log = host / "1" / "console.log"
    log.write_bytes(b"\0" * 8192 + b"login: \xff")
    assert found.console(Here(), NAME) == "[here the oldest 8192 bytes are left out]\nlogin: \ufffd"
    log.write_bytes(b"old" + b"x" * (4 << 20))
    assert found.console(Here(), NAME).startswith("[here the oldest 3 bytes are left out]\nxxx")
    log.unlink()
    log.symlink_to("/etc/passwd")
    with pytest.raises(VmError, match="its console cannot be read"):
        found.console(Here(), NAME)


def test_one_of_a_run_that_goes_on_is_not_dropped(host: Path) -> None:
    for kept in (None, KEPT):
        if kept:
            kept.write(host)
        with pytest.raises(UsageError, match="it is of run 00a11e, which goes on"):
            found.drop(Here(), NAME)


def test_one_that_goes_while_it_is_dropped_is_dropped(host: Path) -> None:
    """Its keeper listens no more."""
    KEPT.ending(2e9).write(host)

    class Ending(Here):
        def python(self, source: str, argument: Any = None, *, timeout_s: float) -> Any:
            if "drop" in argument:
                (host / "1.json").unlink()
            return super().python(source, argument, timeout_s=timeout_s)

    found.drop(Ending(), NAME)


def test_one_that_nobody_takes_to_drop_is_not_told_as_dropped(host: Path) -> None:
    """Its keeper just ends, by a signal, or does not go on."""
    KEPT.ending(2e9).write(host)
    with pytest.raises(VmError, match=r"it is there still: its keeper .* took no order") as caught:
        found.drop(Here(), NAME)
    assert caught.value.hint == "python -m harness vm list, and the same again"


def test_an_answer_that_is_none_is_told(host: Path) -> None:
    KEPT.ending(2e9).write(host)

    class Odd(Here):
        def python(self, *_: object, **__: object) -> Any:
            return {"vms": [{"name": NAME, "runs": True, "kept": {"until": "x"}}]}

    with pytest.raises(HarnessError, match="which VMs of the suite are on the host"):
        found.list_vms(Odd())
