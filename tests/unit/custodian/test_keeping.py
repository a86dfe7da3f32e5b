"""A clone that is kept outlives its run, to its time or until it is dropped; nothing of it stays then."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.custodian import kept, reaper
from harness.custodian.keeper import SOCKET, Keeper
from harness.custodian.kept import Kept
from harness.custodian.names import start_time
from harness.custodian.notes import Unreadable
from harness.custodian.owner import Owner
from harness.custodian.service import KEEPS
from harness.errors import HarnessError
from harness.host import custodian as custodians
from harness.host.custodian import Custodian
from harness.wait import wait_until
from tests.unit.peers.custodian_process import RUN, custodian_of, start_custodian
from tests.unit.peers.left_run import left
from tests.unit.peers.listening import listens
from tests.unit.peers.small_controller import SmallController, request

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, as root")

VMM = f"""#!{sys.executable} -IS
import signal, socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[sys.argv.index("--api-sock") + 1])
listening.listen()
signal.pause()
"""
NO_SPARE = {"spare_memory_mib": 0, "spare_disk_mib": 0}
LONG_S = 600.0


@pytest.fixture
def host(host_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A host with a VMM and a golden disk. What is still kept on it when the test ends is ended by signal.

    The front of a custodian that has said its farewell is not hurried by us, however slow the machine is.
    """
    monkeypatch.setattr(custodians, "_EXIT_S", 60)
    (host_folders / "vmm").write_text(VMM)
    (host_folders / "vmm").chmod(0o755)
    (host_folders / "golden").write_bytes(b"x" * 5000)
    yield host_folders
    for folder in reaper.runs():
        with contextlib.suppress(ProcessLookupError, Unreadable):  # its keeper may be about to remove it
            os.kill(Owner.of(folder).pid, signal.SIGTERM)
    wait_until(lambda: left(host_folders), what="all gone", timeout_s=60, interval_s=0.02, until=_none)


def _none(found: list[str]) -> bool:
    return found == []


def make(owner: Custodian, host: Path, number: int = 1, run: str = RUN) -> dict[str, Any]:
    """A clone."""
    answer = owner.ask(
        "make_clone",
        timeout_s=60,
        name=f"{run}-{number}",
        ports=[22],
        guest="192.168.100.2",
        binary=str(host / "vmm"),
        tap="vmtap0",
        address="192.168.100.1/24",
        source_disk=str(host / "golden"),
        start_timeout_s=60,
    )
    return dict(answer)


def keep(owner: Custodian, number: int = 1, *, seconds: float = LONG_S, **spare: int) -> None:
    """Let it stay."""
    terms = {**NO_SPARE, **spare}
    owner.ask("keep", timeout_s=60, name=f"{RUN}-{number}", why="guest.x", seconds=seconds, **terms)


def drop(host: Path, name: str) -> object:
    """Ask the keeper to drop it."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(60)
        asked.connect(str(host / "run" / RUN / SOCKET))
        asked.sendall(json.dumps({"drop": name}).encode() + b"\n")
        return json.loads(asked.makefile().readline())["failures"]


def await_serving(host: Path) -> None:
    """Until the keeper can be asked."""
    await_("the keeper serves", partial(listens, host / "run" / RUN / SOCKET))


def await_(what: str, look: Callable[[], bool]) -> None:
    """Until it is so."""
    wait_until(look, what=what, timeout_s=60, interval_s=0.02, until=bool)


def test_what_is_kept_outlives_the_run_and_all_else_of_it_goes(host: Path) -> None:
    """Who started the custodian sees it end; the VM goes when it is dropped, with the run's folders."""
    with custodian_of(host, RUN, KEEPS) as owner:
        stays, goes = make(owner, host, 1), make(owner, host, 2)
        keep(owner)
        assert Kept.read(host / "run" / RUN / "kept-1.json").until is None
        process = owner._process
    assert process.returncode == 0
    assert (start_time(stays["pid"]) is None, start_time(goes["pid"]) is None) == (False, True)
    await_serving(host)
    assert {entry.name for entry in (host / "disks" / RUN).iterdir()} == {"owner.json", "1.ext4"}
    assert [(one.name, one.why, one.until is None) for one in kept.on_record()] == [
        (f"{RUN}-1", "guest.x", False)
    ]
    assert drop(host, f"{RUN}-2") is None
    assert drop(host, f"{RUN}-1") == []
    await_("all gone", lambda: left(host) == [])
    assert start_time(stays["pid"]) is None


def test_it_outlives_a_suite_that_is_killed_and_no_later_reaper_takes_it(host: Path) -> None:
    process, program = start_custodian(host, RUN, KEEPS)
    owner = Custodian(process, program, timeout_s=60, explain=HarnessError)
    made = make(owner, host)
    keep(owner)
    assert process.stdin is not None
    process.stdin.close()  # as the kernel does for one that was killed
    assert process.wait(60) == 0
    owner._reader.join(60)
    with custodian_of(host, "acc-00b22e") as other:
        assert other.facts["reaped"] == []
        assert [one["name"] for one in other.facts["kept"]] == [f"{RUN}-1"]
    assert start_time(made["pid"]) is not None
    owner.close(timeout_s=1)


def test_it_goes_at_its_time(host: Path) -> None:
    with custodian_of(host, RUN, KEEPS) as owner:
        made = make(owner, host)
        keep(owner, seconds=0.5)
    await_("all gone", lambda: left(host) == [])
    assert start_time(made["pid"]) is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_keeper_that_is_killed_leaves_nothing_that_the_next_run_does_not_remove(
    host: Path, number: signal.Signals
) -> None:
    """So it is when a host goes down."""
    with custodian_of(host, RUN, KEEPS) as owner:
        made = make(owner, host)
        keep(owner)
    os.kill(owner.facts["pid"], number)
    await_("its VMM has ended", lambda: start_time(made["pid"]) is None)
    await_("it has ended", lambda: start_time(owner.facts["pid"]) is None)
    if number is signal.SIGKILL:
        assert left(host) != []
        assert kept.on_record() == []
    reaper.reap(host / "disks")
    assert left(host) == []


def test_a_custodian_that_is_told_to_end_keeps_nothing(host: Path) -> None:
    """The signal comes to the process that it was started as."""
    process, program = start_custodian(host, RUN, KEEPS)
    owner = Custodian(process, program, timeout_s=60, explain=HarnessError)
    make(owner, host)
    keep(owner)
    process.terminate()
    assert process.wait(60) == 0
    assert left(host) == []
    owner.close(timeout_s=1)


def test_a_keeper_whose_front_was_killed_still_ends_with_its_input(host: Path) -> None:
    process, program = start_custodian(host, RUN, KEEPS)
    owner = Custodian(process, program, timeout_s=60, explain=HarnessError)
    make(owner, host)
    process.kill()
    process.wait(60)
    owner.close()
    await_("all gone", lambda: left(host) == [])


def test_nothing_is_kept_where_a_session_of_the_run_goes_on(host: Path, controller: SmallController) -> None:
    """It is a user's, and the next run ends it: of no run that lives."""
    controller.refuse_cancel = True
    process, program = start_custodian(host, RUN, KEEPS)
    owner = Custodian(process, program, timeout_s=60, explain=HarnessError)
    made = make(owner, host)
    keep(owner)
    owner.ask("start_session", timeout_s=60, **request(controller))
    told = owner.close()
    assert "it clings to life" in told
    assert f"{RUN}-1 does not stay for a look: of its run a session may go on" in told
    assert start_time(made["pid"]) is None
    controller.refuse_cancel = False
    await_("its custodian has ended", lambda: start_time(owner.facts["pid"]) is None)
    reaper.reap(host / "disks")
    assert (controller.live, left(host)) == ([], [])


def test_a_front_that_is_slow_to_go_takes_nothing_along(host: Path) -> None:
    """Who started it ends it after a while: by then it has nothing to do with what stays."""
    process, program = start_custodian(host, RUN, KEEPS)
    owner = Custodian(process, program, timeout_s=60, explain=HarnessError)
    made = make(owner, host)
    keep(owner)
    process.send_signal(signal.SIGSTOP)
    assert process.stdin is not None
    process.stdin.close()
    await_serving(host)
    process.terminate()
    process.send_signal(signal.SIGCONT)
    process.wait(60)
    owner.close(timeout_s=1)
    assert drop(host, f"{RUN}-1") == []
    await_("all gone", lambda: start_time(made["pid"]) is None)


def test_a_run_that_was_not_begun_as_one_that_keeps_keeps_nothing(host: Path) -> None:
    with custodian_of(host) as owner:
        make(owner, host)
        with pytest.raises(HarnessError, match="not begun as one that keeps any"):
            keep(owner)
    assert left(host) == []


def test_what_cannot_be_kept_is_refused_with_the_reason(host: Path) -> None:
    """A VM that has ended, one that is not there, one too many, and too little that would be left."""
    with custodian_of(host, RUN, KEEPS) as owner:
        made = [make(owner, host, number) for number in range(1, kept.MOST + 3)]
        with pytest.raises(
            HarnessError, match=r"MiB of memory free, and 999999999 are to be left for a clone"
        ):
            keep(owner, spare_memory_mib=999_999_999)
        with pytest.raises(HarnessError, match=r"MiB free, and 999999999 are to be left"):
            keep(owner, spare_disk_mib=999_999_999)
        assert not list((host / "run" / RUN).glob(kept.NOTES))
        os.kill(made[-1]["pid"], signal.SIGKILL)
        await_("it has ended", lambda: start_time(made[-1]["pid"]) is None)
        with pytest.raises(HarnessError, match="its VMM has ended"):
            keep(owner, len(made))
        with pytest.raises(HarnessError, match="no such clone, or destroyed already"):
            keep(owner, 99)
        for number in range(1, kept.MOST + 1):
            keep(owner, number)
        keep(owner, 1, spare_memory_mib=999_999_999)  # twice is no other
        with pytest.raises(HarnessError, match=rf"keeps {kept.MOST} VMs already, and never more: {RUN}-1, "):
            keep(owner, kept.MOST + 1)
        owner.ask("destroy", timeout_s=60, name=f"{RUN}-1")
        keep(owner, kept.MOST + 1)  # there is room again
    assert {one.name for one in kept.on_record()} == {f"{RUN}-{number}" for number in range(2, kept.MOST + 2)}


def test_two_that_drop_it_at_once_are_both_answered(host: Path) -> None:
    with custodian_of(host, RUN, KEEPS) as owner:
        make(owner, host)
        keep(owner)
    await_serving(host)
    request = json.dumps({"drop": f"{RUN}-1"}).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        both = (one, other)
        for asked in both:
            asked.settimeout(60)
            asked.connect(str(host / "run" / RUN / SOCKET))
        for asked in both:
            asked.sendall(request)
        said = [json.loads(asked.makefile().readline())["failures"] for asked in both]
    assert said in ([[], None], [None, []])


@pytest.mark.parametrize("words", [b"", b"garbage\n", b'{"drop": {}}\n', b"x" * 100_000])
def test_a_keeper_that_is_asked_nonsense_goes_on(host: Path, words: bytes) -> None:
    with custodian_of(host, RUN, KEEPS) as owner:
        make(owner, host)
        keep(owner)
    path = host / "run" / RUN / SOCKET
    await_serving(host)
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(str(path))
        with contextlib.suppress(BrokenPipeError):
            asked.sendall(words)
        asked.shutdown(socket.SHUT_WR)
        asked.settimeout(60)
        with contextlib.suppress(ConnectionResetError):
            assert asked.recv(100) == b""
    assert drop(host, f"{RUN}-1") == []


def test_a_keeper_that_cannot_be_asked_says_at_the_farewell_that_nothing_stays(host: Path) -> None:
    """As where /run has no room for its socket: nobody could drop what it holds."""
    process, program = start_custodian(host, RUN, KEEPS)
    owner = Custodian(process, program, timeout_s=60, explain=HarnessError)
    made = make(owner, host)
    keep(owner)
    (host / "run" / RUN / SOCKET).mkdir()
    told = owner.close(timeout_s=60)
    assert f"{RUN}-1 does not stay for a look: nobody could drop it" in told
    assert SOCKET in told
    assert start_time(made["pid"]) is None
    await_("its custodian has ended", lambda: start_time(owner.facts["pid"]) is None)
    assert left(host) == []


@pytest.mark.parametrize("opened", [True, False])
def test_what_is_said_to_be_kept_can_be_dropped(
    host: Path, monkeypatch: pytest.MonkeyPatch, *, opened: bool
) -> None:
    """Until when it stays is told once its keeper listens: so long a drop is refused. And it does so, too,
    where the farewell's time was over before the socket's turn came."""
    listening: list[bool] = []
    monkeypatch.setattr(Kept, "write", lambda _, folder: listening.append(listens(folder / SOCKET)))

    async def hold() -> None:
        ended = asyncio.Event()
        ended.set()
        keeper = Keeper(host, keeps=True)
        keeper.kept[f"{RUN}-1"] = Kept(f"{RUN}-1", "guest.x", LONG_S)
        if opened:
            await keeper.open()
        await keeper.hold(ended, nothing)

    async def nothing(_: str) -> list[str]:
        return []

    asyncio.run(hold())
    assert listening == [True]


def test_it_holds_no_pipe_of_who_started_it(host: Path) -> None:
    """Else ssh, sudo and a shell would stay as long as it does."""
    with custodian_of(host, RUN, KEEPS) as owner:
        make(owner, host)
        keep(owner)
        pid = owner.facts["pid"]
    await_serving(host)
    assert {str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in range(3)} == {os.devnull}
    said = subprocess.run(["ps", "-o", "sid=", "-p", str(pid)], capture_output=True, text=True, check=True)
    assert int(said.stdout) == pid
