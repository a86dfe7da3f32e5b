"""However a custodian is asked to end, and whatever goes on, it does, and leaves nothing but records."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.custodian import launches
from harness.custodian.service import GREETING
from tests.unit.peers.crooked_controller import CROOKED, crooked_controller, silent
from tests.unit.peers.custodian_process import RUN, start_custodian
from tests.unit.peers.left_run import left
from tests.unit.peers.small_controller import BODY, FINISHED

BOUND_S = 60
"""Some seconds are what it takes; the rest is for a machine with other things to do."""

Custodian = subprocess.Popen[bytes]


@pytest.fixture
def custodian(host_folders: Path) -> Iterator[Custodian]:
    """One that has greeted."""
    process, program = start_custodian(host_folders)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(program)
    process.stdin.flush()
    assert process.stdout.readline().startswith(GREETING.encode())
    yield process
    process.kill()
    process.communicate()


def tell(custodian: Custodian, op: str, **fields: Any) -> None:
    """Ask for something."""
    assert custodian.stdin is not None
    custodian.stdin.write(json.dumps({"id": 1, "op": op, **fields}).encode() + b"\n")
    custodian.stdin.flush()


def launch(url: str, limit_s: float) -> dict[str, Any]:
    """A request for a session."""
    urls = {"url": f"{url}/start", "session_url": f"{url}/{{session}}", "cancel_url": f"{url}/cancel"}
    return {**urls, "body": BODY, "finished": FINISHED, "limit_s": limit_s, "end_s": 1}


def answers(custodian: Custodian) -> list[dict[str, Any]]:
    """All it still says, once it has ended."""
    said, complaints = custodian.communicate(timeout=BOUND_S)
    assert (custodian.returncode, complaints) == (0, b"")
    return [json.loads(line) for line in said.splitlines()]


def until(seen: Callable[[], object]) -> None:
    """Wait for something to be so."""
    deadline = time.monotonic() + BOUND_S
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.01)


SIGNALS = [
    *((signal.SIGTERM, name) for name in ("silent", "drips its headers", "continues now and then")),
    (signal.SIGHUP, "drips its body"),
]
ENDLESS = ("silent", "drips its status line", "floods chunks", "for ever continues", "closes in its body")


@pytest.mark.parametrize(("number", "name"), SIGNALS)
def test_a_signal_ends_it_whatever_a_controller_does(
    host_folders: Path, custodian: Custodian, number: signal.Signals, name: str
) -> None:
    """It was asked to wait ten minutes for the answer; that there may be a session stays on record."""
    with crooked_controller(CROOKED[name]) as url:
        tell(custodian, "start_session", **launch(url, 600))
        note = host_folders / "run" / RUN / "session-1.json"
        until(note.exists)
        custodian.send_signal(number)
        *_, farewell = answers(custodian)
    assert farewell["id"] == 0
    assert "whether there is one was never heard" in farewell["ok"][0]
    assert [path.name for path in note.parent.iterdir() if path.name != "owner.json"] == [note.name]
    assert launches.Launch.read(note).session is None


@pytest.mark.parametrize("name", ENDLESS)
def test_the_end_of_its_input_ends_it_within_the_launchs_own_time(
    host_folders: Path, custodian: Custodian, name: str
) -> None:
    with crooked_controller(CROOKED[name]) as url:
        tell(custodian, "start_session", **launch(url, 5))  # some of it to connect, on a busy machine
        until((host_folders / "run" / RUN / "session-1.json").exists)
        assert custodian.stdin is not None
        custodian.stdin.close()
        custodian.stdin = None
        assert "never heard" in answers(custodian)[-1]["ok"][0]


def test_a_controller_that_does_not_answer_to_a_cancel_is_not_waited_for_long(
    host_folders: Path, custodian: Custodian
) -> None:
    note = host_folders / "run" / RUN / "session-1.json"
    with crooked_controller(silent) as url:
        launches.Launch(f"{url}/{{session}}", f"{url}/c", [], 1, 1, 0, BODY, "u", "s1").write(note)
        custodian.send_signal(signal.SIGTERM)
        assert answers(custodian)[-1]["ok"][0].startswith("could not cancel session s1: TimeIsUp")


@pytest.mark.parametrize("text", ["sleep 600", "yes", "setsid sleep 3 & wait", "trap '' TERM; sleep 600"])
@pytest.mark.parametrize("by", ["input", signal.SIGTERM])
def test_a_script_under_way_is_ended(
    host_folders: Path, custodian: Custodian, text: str, by: signal.Signals | str, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    argv = ["sh", "-c", f"touch {begun}; {text}"]
    tell(custodian, "script", argv=argv, input_text="", limit_s=600, root=True)
    until(begun.exists)
    assert custodian.stdin is not None
    if isinstance(by, str):
        custodian.stdin.close()
        custodian.stdin = None
    else:
        custodian.send_signal(by)
    assert answers(custodian)[-1] == {"id": 0, "ok": []}
    assert left(host_folders) == []


def test_one_that_nobody_listens_to_ends_all_the_same(host_folders: Path, custodian: Custodian) -> None:
    """Its answers fill the pipe, and the one who asked is stopped."""
    argv = ["head", "-c", "4000000", "/dev/zero"]
    for _ in range(3):
        tell(custodian, "script", argv=argv, input_text="", limit_s=600, root=True)
    assert custodian.stdout is not None
    custodian.stdout.read(1)  # an answer is on its way
    custodian.send_signal(signal.SIGTERM)
    assert custodian.wait(BOUND_S) == 0
    assert left(host_folders) == []


@pytest.mark.parametrize(
    "line", [b"\n", b"[1]\n", b'{"op": "facts"}\n', b"half", b"\xff\n", b"[" * 9999 + b"\n"]
)
def test_a_request_that_is_none_ends_it_in_order(
    host_folders: Path, custodian: Custodian, line: bytes
) -> None:
    said, _ = custodian.communicate(line, timeout=BOUND_S)
    assert json.loads(said.splitlines()[-1]) == {"id": 0, "ok": []}
    assert left(host_folders) == []


def test_while_it_removes_what_others_left_a_signal_just_ends_it(host_folders: Path) -> None:
    handle = os.open(host_folders / "run", os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        process, program = start_custodian(host_folders)
        assert process.stdin is not None
        process.stdin.write(program)
        process.stdin.flush()
        until(lambda: "run" in _open_files(process.pid))
        process.terminate()
        process.communicate(timeout=BOUND_S)
    finally:
        os.close(handle)
    assert process.returncode == -signal.SIGTERM
    assert left(host_folders) == []


def _open_files(pid: int) -> list[str]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(entry.readlink().name)
    return found
