"""A local program ends within its limits, whatever it does, and so do we."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import run as runs
from harness.custodian.limits import Limit
from harness.custodian.names import is_running, start_time
from harness.errors import CommandError
from harness.run import feed, run
from harness.wait import wait_until
from tests.unit.peers.patience import too_slow

SLACK_S = 60.0


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """Every one of them."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SLACK_S


def sh(script: str, *, timeout_s: float = SLACK_S, **options: object) -> runs.Result:
    """A shell script."""
    return run(["sh", "-c", script], timeout_s=timeout_s, check=False, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("script", "status", "stdout", "stderr"),
    [
        ("echo out; echo err >&2; exit 3", 3, "out\n", "err\n"),
        ("cat", 0, "", ""),
        ("printf 'a\\377b'", 0, "a\udcffb", ""),
        ("printf 'a\\r\\nb'", 0, "a\r\nb", ""),
        ("kill -9 $$", -9, "", ""),
        ("exec >&- 2>&-; sleep 0.3; exit 4", 4, "", ""),
        ("echo said; sleep 60 &", 0, "said\n", ""),  # what it leaves running holds its pipes
    ],
)
def test_what_it_said_comes_whole(script: str, status: int, stdout: str, stderr: str) -> None:
    done = sh(script)
    assert (done.status, done.stdout, done.stderr) == (status, stdout, stderr)


def test_much_goes_in_and_comes_out() -> None:
    text = "".join(f"{n}\n" for n in range(300_000))
    assert sh("tee /dev/stderr", input_text=text).stderr == text
    assert sh("true", input_text=text).status == 0  # it does not read


@pytest.mark.parametrize(
    "script",
    [
        "sleep 60",
        "trap '' TERM; sleep 60",
        "sh -c 'trap \"\" TERM; sleep 60' & wait",
        "while :; do printf x; sleep 0.1; done",
        "exec >&- 2>&-; sleep 60",
        "sleep 60 & exec sleep 60 >&- 2>&-",
        "kill -STOP $$",
    ],
)
def test_what_takes_too_long_is_killed_with_all_it_started(tmp_path: Path, script: str) -> None:
    command = f"echo $$ >{tmp_path}/pid; : >{tmp_path}/begun; {script}"
    error = too_slow(lambda limit_s: sh(command, timeout_s=limit_s), tmp_path / "begun", limit_s=0.5)
    assert " s: sh -c " in error.message
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_running(pid, start_time(pid)), what="gone", timeout_s=SLACK_S)


def test_what_floods_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "OUTPUT_LIMIT", 1 << 20)
    with pytest.raises(CommandError, match=r"(?s)printed more than 1 MiB: sh -c yes\n  it said: …?\s*y\ny"):
        sh("yes")


@pytest.mark.parametrize("argv", [["no-such-program"], ["/etc/passwd"], ["tr\0ue"], ["true", "\0"]])
def test_what_cannot_be_started_is_told(argv: list[str]) -> None:
    with pytest.raises(CommandError, match="cannot run"):
        run(argv, timeout_s=SLACK_S)


def test_whoever_does_not_read_is_not_waited_for() -> None:
    with runs._started(["sleep", "60"], None, runs.environment(), "", hears=True) as process:
        assert process.stdin is not None
        limits = (Limit("x", seconds=seconds, size=0) for seconds in (0.3, 3, 30))
        taken = next(filter(None, (feed(process.stdin, bytes(1 << 20), limit) for limit in limits)))
        assert taken < 1 << 20


def test_a_pipe_is_written_to_whatever_its_number() -> None:
    """select() knows the first 1,024 only, and a run of many clones has more open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 1200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with contextlib.ExitStack() as stack:
        for _ in range(1100):
            stack.callback(os.close, os.open("/dev/null", os.O_RDONLY))
        reader, writer = os.pipe()
        stack.callback(os.close, reader)
        pipe = stack.enter_context(os.fdopen(writer, "wb"))
        assert writer > 1024
        assert feed(pipe, b"heard", Limit("x", seconds=60, size=0)) == 5
        assert os.read(reader, 10) == b"heard"
