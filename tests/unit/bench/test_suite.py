"""A run of the suite that a soak starts: real ones, of a host that says nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.soak import here
from bench.soak.suite import NO_VERDICT, Suite, started
from harness.custodian.names import start_time
from harness.wait import wait_until
from tests.unit.peers.small_suite import ROOT
from tests.unit.peers.verdicts import passed

GENEROUS_S = 60.0
_PROFILE = """name = "nobody"
[host]
address = "127.0.0.1"
user = "nobody"
port = {port}
connect_timeout_s = 600
[guest]
identity_file = "{key}"
[database]
url_env = "SOAK_NO_DATABASE"
"""


@contextlib.contextmanager
def run_of(folder: Path, port: int) -> Iterator[Suite]:
    """A run that goes on."""
    profile, key, temporary = folder / "site.toml", folder / "key", folder / "tmp"
    key.touch(0o600)
    temporary.mkdir()
    profile.write_text(_PROFILE.format(port=port, key=key))
    with started(profile, "smoke", folder / "run", temporary) as suite:
        yield suite


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a host that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def over(folder: Path, status: int, **verdict: object) -> Suite:
    """A run that has ended so, with such a verdict."""
    place = folder / "evidence" / "0a1b2c"
    place.mkdir(parents=True)
    (place / "verdict.json").write_text(json.dumps(passed(**verdict)))
    (folder / "output").write_text("one\n\nlast words\n")
    with subprocess.Popen(["sh", "-c", f"exit {status}"]) as process:
        process.wait(GENEROUS_S)
    return Suite(process, folder)


def test_of_a_run_that_passed_nothing_is_kept(tmp_path: Path) -> None:
    run = over(tmp_path, 0).result()
    assert (run.outcome, run.red, run.why, run.evidence) == ("PASS", (), "", "")


def test_a_run_that_did_not_pass_tells_what_was_red_the_causes_first(tmp_path: Path) -> None:
    first, second, third, *others = sorted(passed()["checks"], key=lambda one: str(one["name"]))
    red = [{**first, "outcome": "FAIL", "behind": third["name"]}, {**second, "outcome": "WAIVED"}]
    red += [{**third, "outcome": "BROKEN"}, *others]
    trouble = [{"outcome": "BROKEN", "text": "a fixture\nbroke"}]
    run = over(tmp_path, 1, outcome="FAIL", exit_status=1, checks=red, trouble=trouble).result()
    assert run.outcome == "FAIL"
    assert run.red == (
        f"{third['name']} BROKEN",
        f"{first['name']} FAIL behind {third['name']}",
        "BROKEN: a fixture\\nbroke",
    )
    assert (run.why, run.evidence) == ("exit status 1: one / last words", str(tmp_path))


def test_a_verdict_that_passed_does_not_hide_how_the_run_ended(tmp_path: Path) -> None:
    run = over(tmp_path, 3).result()
    assert run.outcome == "PASS, and exit status 3: one / last words"


def test_one_is_killed_while_it_goes_on(tmp_path: Path, silent: int) -> None:
    with run_of(tmp_path, silent) as suite:
        wait_until(lambda: suite.run_id, what="the run has its folder", timeout_s=GENEROUS_S)
        assert not suite.ends_within(0)
        assert suite.kill()
        assert not suite.kill()
        run = suite.result()
    assert (run.outcome, run.red) == (NO_VERDICT, ())
    assert "exit status -9" in run.why


def test_none_goes_on_when_its_block_is_left(tmp_path: Path, silent: int) -> None:
    with run_of(tmp_path, silent) as suite:
        assert not suite.ends_within(0)
    assert suite.process.poll() is not None
    assert start_time(suite.process.pid) is None


def program_of(pid: int) -> str:
    """What it runs, once it is no more what only sets it up."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return words[2].decode() if words[1:2] == [b"-m"] else ""


def test_none_outlives_a_soak_that_is_killed(tmp_path: Path, silent: int) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.unit.bench.test_suite import run_of\n"
        "with run_of(Path(sys.argv[1]), int(sys.argv[2])) as suite:\n"
        "    print(suite.process.pid, flush=True); suite.ends_within(600)"
    )
    argv = [sys.executable, "-c", program, str(tmp_path), str(silent)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as soak:
        try:
            assert soak.stdout is not None
            pid = int(soak.stdout.readline())
            wait_until(lambda: program_of(pid) == "pytest", what="it runs", timeout_s=GENEROUS_S)
        finally:
            soak.kill()
    try:
        wait_until(lambda: start_time(pid) is None, what="the run has ended", timeout_s=GENEROUS_S)
    finally:
        if start_time(pid) is not None:
            os.kill(pid, signal.SIGKILL)


def test_what_a_run_leaves_here_is_seen_and_ended(tmp_path: Path) -> None:
    """In a process of its own: it takes in what it did not start."""
    program = (
        "import subprocess, sys; from pathlib import Path; from bench.soak import here\n"
        "here.take_in(); temporary = Path(sys.argv[1])\n"
        "assert here.left_here([], temporary) == frozenset()\n"
        "subprocess.run(['sh', '-c', 'sleep 60 & true'], check=True)\n"
        "(temporary / 'left').touch(); (temporary / 'pytest-of-root').mkdir()\n"
        "print(*sorted(here.left_here([], temporary)), sep='\\n')\n"
        "here.end_what_is_left(); print(*here.left_here([], temporary), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=GENEROUS_S,
    )
    entry = f"here: entry {tmp_path}/left"
    first, second, third = done.stdout.splitlines()
    assert (first, third) == (entry, entry)
    assert second.startswith("here: process ")
    assert "sleep 60" in second


def test_a_private_folder_of_a_run_of_ours_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(here, "_PRIVATE", tmp_path)
    for name, owner in (("acc-a", f"{os.getpid()} 1 2"), ("acc-b", "1 1 2"), ("acc-c", "?")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "owner").write_text(owner)
    assert list(here._owned([os.getpid()])) == [tmp_path / "acc-a"]
