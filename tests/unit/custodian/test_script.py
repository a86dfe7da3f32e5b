"""A program has its time and its length, and is over when it ends, whoever holds its output."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import pytest

from harness.custodian.limits import Limit
from harness.custodian.script import Script

GENEROUS_S = 60
"""Where it went on as long as somebody held the output."""


def said_by(text: str, input_text: str = "", timeout_s: float = 600, **limits: int) -> dict[str, Any]:
    """What a shell script comes to."""
    return Script(["sh", "-c", text], input_text, timeout_s, None, **limits).run()


def test_a_script_tells_how_it_ended() -> None:
    assert said_by("echo out; echo err >&2; exit 7") == {
        "status": 7,
        "stdout": "out\n",
        "stderr": "err\n",
        "timed_out": False,
        "truncated": False,
    }


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_000_000, 8_000_000])
def test_all_that_is_said_to_it_comes_back(size: int) -> None:
    """Both ways at once, far beyond what a pipe holds."""
    text = "0123456789" * (size // 10)
    assert said_by("cat; cat /dev/null >&2", text)["stdout"] == text


def test_an_input_that_nobody_reads_is_no_trouble() -> None:
    assert said_by("exit 3", "x" * 1_000_000)["status"] == 3


def test_bytes_that_are_no_text_come_back_as_they_went() -> None:
    odd = bytes(range(256)).decode("utf-8", "surrogateescape")
    assert said_by("cat", odd)["stdout"] == odd
    script = Script(["printf", "%s", "vm-\udcff"], "", 60, None)
    assert script.run()["stdout"] == "vm-\udcff"


@pytest.mark.parametrize("text", ["yes", "yes >&2", "yes & yes >&2", "yes | cat", "cat /dev/zero"])
def test_a_flood_is_ended_at_its_length_and_told(text: str) -> None:
    ended = said_by(text, most_said=1_000_000)
    assert (ended["truncated"], ended["timed_out"], ended["status"]) == (True, False, -9)
    assert 1 << 16 <= len(ended["stdout"]) + len(ended["stderr"]) <= 2 << 16


FLOOD = """
from pathlib import Path
from harness.custodian.limits import Limit
from harness.custodian.script import Script
ended = Script(["yes"], "", 60, None).run()
# The peak of this program: getrusage() counts what its parent had when it forked.
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(ended["truncated"], peak)
"""


def test_a_flood_fills_no_memory() -> None:
    """Where it filled a gigabyte."""
    done = subprocess.run([sys.executable, "-c", FLOOD], capture_output=True, text=True, check=True)
    truncated, peak_kib = done.stdout.split()
    assert truncated == "True"
    assert int(peak_kib) < 300 << 10


def test_one_that_takes_too_long_is_ended_with_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time is cut short once it has said something: a shell may need as long to begin."""
    script = Script(["sh", "-c", "echo before; exec sleep 600"], "", 600, None)
    hear = script._hear

    def hear_and_hurry(pipe: IO[bytes]) -> bool:
        more = hear(pipe)
        script._limit = Limit("sh", seconds=0.5, size=100)
        return more

    monkeypatch.setattr(script, "_hear", hear_and_hurry)
    began = time.monotonic()
    ended = script.run()
    assert (ended["timed_out"], ended["truncated"]) == (True, False)
    assert (ended["status"], ended["stdout"]) == (-9, "before\n")
    assert time.monotonic() - began < GENEROUS_S


BACKGROUND = {
    "in its group": "sleep 600 & echo done",
    "in a session of its own": "setsid sleep 600 & echo $! >{pid}; echo done",
    "forked twice": (
        "(setsid sh -c 'echo $$ >{pid}; exec sleep 600' &);"
        " until test -s {pid}; do sleep 0.01; done; echo done"
    ),
    "that floods": "setsid yes & echo $! >{pid}; exec 1>&-; echo done >&2",
}


@pytest.mark.parametrize("text", BACKGROUND.values(), ids=BACKGROUND)
def test_it_is_over_when_it_ends_whatever_it_left_in_the_background(tmp_path: Path, text: str) -> None:
    began = time.monotonic()
    ended = said_by(text.format(pid=tmp_path / "pid"))
    try:
        assert time.monotonic() - began < GENEROUS_S
        assert (ended["status"], ended["timed_out"]) == (0, False)
        assert "done\n" in ended["stdout"] + ended["stderr"]
    finally:
        if (tmp_path / "pid").exists():
            os.kill(int((tmp_path / "pid").read_text()), 9)


def test_all_that_was_said_before_the_end_is_heard() -> None:
    for _ in range(20):
        assert len(said_by("head -c 60000 /dev/zero; head -c 60000 /dev/zero >&2")["stdout"]) == 60_000


def test_what_an_ended_program_had_said_is_heard_however_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """By one who came to it only after its end, and was then held up for longer than it waits for more."""
    over = os.WEXITED | os.WNOWAIT
    monkeypatch.setattr(Script, "_talk", lambda _, program: os.waitid(os.P_PID, program.pid, over))
    monkeypatch.setattr("harness.custodian.script._REST_S", 0)
    ended = said_by("echo out; echo err >&2")
    assert (ended["stdout"], ended["stderr"]) == ("out\n", "err\n")


@pytest.mark.parametrize(
    "text", ["exec sleep 600", "yes >/dev/null", "trap '' TERM; while :; do sleep 1; done"]
)
def test_it_can_be_ended_from_another_thread(text: str) -> None:
    script = Script(["sh", "-c", text], "", 600, None)
    threading.Timer(0.2, script.stop).start()
    began = time.monotonic()
    assert script.run()["status"] == -9
    assert script.stopped
    assert time.monotonic() - began < GENEROUS_S


def test_one_that_is_stopped_before_it_began_does_nothing() -> None:
    script = Script(["sleep", "600"], "", 600, None)
    script.stop()
    assert script.run()["status"] == -9


def test_a_program_that_is_not_there_is_an_error_and_leaves_nothing_open() -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(FileNotFoundError):
        Script(["/nonexistent/program"], "", 60, None).run()
    for _ in range(20):
        said_by("true")
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_a_kernel_that_does_not_tell_of_an_end_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    assert said_by("echo out; setsid sleep 5 & exit 4")["status"] == 4
    assert said_by("exec sleep 600", timeout_s=0.3)["timed_out"]
