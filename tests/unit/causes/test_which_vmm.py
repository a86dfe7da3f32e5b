"""Which process is a VM's VMM, and which files tell of that VM: by real processes of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.causes.facts import Facts, Process
from harness.causes.hops import HopsSeen, Target, ask_hops
from harness.causes.table import diagnose
from harness.wait import wait_until
from tests.unit.peers.this_machine import Here

PATIENCE_S = 60.0
VM = f"vm-{os.getpid()}"
PANIC = "[    3.1] Kernel panic - not syncing: Attempted to kill init!"
Start = Callable[..., int]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process that waits, by default one whose program goes by a VMM's name; tells its pid."""
    shutil.copy(os.path.realpath("/bin/sh"), tmp_path / "firecracker")
    with ExitStack() as ended:

        def begin(*words: str, program: Path = tmp_path / "firecracker", output: Path | None = None) -> int:
            with (output or Path(os.devnull)).open("ab") as file:
                argv = [str(program), "-c", "read line", *words]
                process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=file)
            ended.callback(process.communicate)  # it reads the end of its input
            return process.pid

        yield begin


def asked() -> HopsSeen:
    return ask_hops(Here(), Target("it", VM, "127.0.0.1", "lo"), limit_s=PATIENCE_S)


def process() -> Process:
    hops = asked().hops
    assert hops is not None
    return hops.process


def test_a_vmm_is_its_program_with_the_whole_id(start: Start) -> None:
    """With no socket for an API; what starts a VMM, and the VMM of another id, came first."""
    start("--id", f"{VM}0", "--api-sock", f"/run/{VM}0.sock")
    start("firecracker", "--api-sock", f"/run/{VM}.sock", program=Path("/bin/sh"))
    pid = start("--no-api", "--config-file", f"/srv/{VM}/config.json")
    assert (process().pid, process().runs) == (pid, True)


def test_the_vmm_that_has_the_id_goes_before_one_that_names_it(start: Start) -> None:
    start("--id", "other", "--config-file", f"/srv/{VM}/config.json")
    assert process().pid != (pid := start("--id", VM))
    assert process().pid == pid


def called(folder: Path, does: str) -> Path:
    """A script that goes by a VMM's name: its process is called so, and its program is the interpreter."""
    script = folder / "firecracker"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\n{does}\n")
    script.chmod(0o755)
    return script


def test_a_vmm_that_an_interpreter_runs_goes_by_its_name(start: Start, tmp_path: Path) -> None:
    pid = start("--id", VM, program=called(tmp_path / "script", "read line"))
    assert (process().pid, process().runs) == (pid, True)


@pytest.mark.parametrize("is_script", [False, True])
def test_what_is_called_a_vmm_and_waits_for_one_is_none(
    start: Start, tmp_path: Path, is_script: bool
) -> None:
    """It has the VM's console open, too, which is this VM's all the same."""
    console = tmp_path / "console.log"
    console.write_text(PANIC)
    vmm = called(tmp_path / "script", "read line") if is_script else tmp_path / "firecracker"
    waits = start("--id", VM, program=called(tmp_path / "waits", f'{vmm} "$@"; true'), output=console)
    children = Path(f"/proc/{waits}/task/{waits}/children")
    (child,) = wait_until(lambda: children.read_text().split(), what="the VMM", timeout_s=PATIENCE_S)
    seen = asked()
    assert seen.hops is not None
    assert (seen.hops.process.pid, seen.console) == (int(child), (PANIC,))


@pytest.mark.parametrize("count", [0, 2])
def test_a_vmm_that_is_not_found_has_not_ended(start: Start, count: int) -> None:
    for _ in range(count):
        start("--id", VM)
    seen = asked()
    found = diagnose(Facts("it", hops=seen.hops, unknown=seen.unknown))
    assert (found.cause, "vmm.ended" in found.excluded) == (None, False)
    assert "vmm: there is no VMM, or more than one, whose command line names it" in found.unknown


@pytest.mark.parametrize("shared", [False, True])
def test_a_file_that_another_vmm_writes_to_is_not_this_vms_console(
    start: Start, tmp_path: Path, shared: bool
) -> None:
    console = tmp_path / "console.log"
    console.write_text(PANIC)
    start("--id", VM, output=console)
    start("--id", "another", output=console if shared else tmp_path / "other.log")
    assert asked().console == (None if shared else (PANIC,))


@pytest.mark.parametrize("has_it_open", [False, True])
def test_a_log_is_read_where_its_vmm_has_it_open(start: Start, tmp_path: Path, has_it_open: bool) -> None:
    """Anybody may name any file on his command line, and we look as root."""
    log = tmp_path / "vmm.log"
    log.write_text("a word")
    start("--id", VM, "--log-path", str(log), output=log if has_it_open else None)
    assert process().said == ("a word" if has_it_open else "")


def test_what_is_no_regular_file_is_not_read(start: Start) -> None:
    endless = Path("/dev/zero")
    pid = start("--id", VM, "--log-path", str(endless), output=endless)
    assert (process().pid, process().said, asked().console) == (pid, "", None)
