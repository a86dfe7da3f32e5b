"""The loop: a day of it by a clock that is quick, with real runs of a small suite, and one at a time."""

from __future__ import annotations

import gc
import http.server
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.wait import wait_until
from harness.watch.rhythm import Rhythm
from harness.watch.standing import Standing
from harness.watch.telling import Teller
from harness.watch.watch import Clock, Watch
from tests.unit.peers.small_suite import ROOT
from tests.unit.watch.test_standing import LOST, standing

DAY_S = 86400.0


class QuickClock:
    """Waits in no time."""

    def __init__(self) -> None:
        self.at = 0.0

    def clock(self) -> Clock:
        return Clock(lambda: self.at, self._wait)

    def _wait(self, seconds: float) -> None:
        self.at += seconds


@contextmanager
def web_hook(statuses: list[int]) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """A server that takes what is posted, and answers with these, and 200 then."""
    taken: list[dict[str, object]] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = statuses.pop(0) if statuses else 200
            if status == 200:
                taken.append(json.loads(body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """Nobody reads it."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/secret-token", taken
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def watch(tmp_path: Path, answers: Iterator[Standing], teller: Teller, said: list[str]) -> Watch:
    return Watch(
        ask=lambda: next(answers),
        rhythm=Rhythm(600),
        teller=teller,
        kept=tmp_path / "watch.json",
        say=said.append,
        waits=lambda _standing, _seconds: None,
    )


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_day_tells_of_its_changes_and_leaves_nothing(tmp_path: Path) -> None:
    """144 runs of one that breaks at noon, cannot be asked for a while, and is mended."""
    quick, said = QuickClock(), list[str]()
    noon = [standing("FAIL", "host.x")] * 30 + [standing("BROKEN", **LOST)] * 20
    day = [standing("PASS")] * 72 + noon + [standing("PASS")] * 22
    with web_hook([]) as (url, taken):
        gc.collect()  # what earlier tests have left for it is none of ours
        before = descriptors()
        watch(tmp_path, iter(day), Teller(url), said).go_on(quick.clock(), len(day))
        # The server, which is ours too, lets go of a connection a moment later than its client.
        wait_until(lambda: descriptors() == before, what="no descriptor more than before", timeout_s=60)
    assert [one["outcome"] for one in taken] == ["PASS", "FAIL", "BROKEN", "PASS"]
    assert [one["was"] for one in taken] == [None, "PASS", "FAIL", "BROKEN"]
    assert len(said) == 4
    # 20 runs that could not ask: at 10, 20, 40 and then each 80 minutes.
    assert quick.at == DAY_S - 600 + (10 + 30 + 17 * 70) * 60
    assert [one.name for one in tmp_path.iterdir()] == ["watch.json"]


@pytest.mark.parametrize(
    ("last", "line"),
    [
        (standing("FAIL", "a", "b"), "lab: FAIL, was BROKEN (1 new, 1 still)"),
        (standing("PASS"), "lab: PASS, was BROKEN (1 fixed)"),
    ],
)
def test_runs_without_a_verdict_leave_what_was_known(tmp_path: Path, last: Standing, line: str) -> None:
    """Each in words of its own, which are told once; and no old check is new after them."""
    lost = [standing("BROKEN", run="", why=f"1 error in {seconds}s") for seconds in (2, 3)]
    said: list[str] = []
    answers = iter([standing("FAIL", "a"), *lost, last])
    watch(tmp_path, answers, Teller(), said).go_on(QuickClock().clock(), 4)
    assert said == ["lab: FAIL (1 new)", "lab: BROKEN, was FAIL: 1 error in 2s", line]


def test_whoever_was_not_told_is_told_next_time(tmp_path: Path) -> None:
    said: list[str] = []
    with web_hook([500]) as (url, taken):
        watch(tmp_path, iter([standing("FAIL", "a")] * 3), Teller(url), said).go_on(QuickClock().clock(), 3)
        assert [one["outcome"] for one in taken] == ["FAIL"]
    assert [line for line in said if "not told" in line] == ["not told: the web hook answered 500"]
    assert "secret-token" not in str(said)


def test_nobody_there_is_said_without_the_url(tmp_path: Path) -> None:
    said: list[str] = []
    teller = Teller("http://127.0.0.1:1/secret-token")
    watch(tmp_path, iter([standing("FAIL", "a")]), teller, said).go_on(QuickClock().clock(), 1)
    assert said[1] == "not told: the web hook was not reached: ConnectError"


def test_a_command_reads_the_change(tmp_path: Path) -> None:
    program, heard = tmp_path / "tell", tmp_path / "heard"
    program.write_text(f"#!/bin/sh\ncat >> {heard}\n")
    program.chmod(0o700)
    said: list[str] = []
    answers = iter([standing("PASS"), standing("PASS"), standing("FAIL", "a")])
    watch(tmp_path, answers, Teller(command=program), said).go_on(QuickClock().clock(), 3)
    assert '"outcome":"PASS"' in heard.read_text()
    assert heard.read_text().count('"scope":"smoke"') == 2
    program.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    watch(tmp_path, iter([standing("PASS")]), Teller(command=program), said).go_on(QuickClock().clock(), 1)
    assert "not told: the command failed: exit status 3" in said[-1]


PROFILE = """name = "nobody there"
[host]
address = "127.0.0.1"
user = "nobody"
port = 1
[guest]
identity_file = "{key}"
"""


@pytest.fixture
def dead_site(tmp_path: Path) -> Path:
    """A profile whose host is a closed port."""
    key = tmp_path / "key"
    key.write_text("a key")
    key.chmod(0o600)
    profile = tmp_path / "site.toml"
    profile.write_text(PROFILE.format(key=key))
    return profile


def words(profile: Path, tmp_path: Path, *more: str) -> list[str]:
    evidence = f"--evidence-dir={tmp_path / 'evidence'}"
    return [sys.executable, "-m", "harness", "watch", f"--site={profile}", evidence, "--every=1s", *more]


def test_real_runs_of_a_site_that_is_not_there(dead_site: Path, tmp_path: Path) -> None:
    """Twice BROKEN is one change; each run leaves its folder, and the metrics are there."""
    metrics = tmp_path / "m.prom"
    done = subprocess.run(
        words(dead_site, tmp_path, "--runs=2", f"--prometheus={metrics}"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "again in" not in line]
    assert len(lines) == 1, done.stdout
    assert "nobody there: BROKEN" in lines[0]
    assert json.loads((tmp_path / "evidence" / "watch-smoke.json").read_text())["outcome"] == "BROKEN"
    assert metrics.exists()


def test_a_profile_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text("name = 1\n")
    done = subprocess.run(
        words(profile, tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert "name: expected a text" in done.stderr


def test_a_service_that_is_ended_ends_its_run_first(dead_site: Path, tmp_path: Path) -> None:
    """SIGTERM: the run is told to end, and has the time to leave nothing behind. Also where SIGINT means
    nothing, as in a shell's background."""
    slow = tmp_path / "slow.sh"
    slow.write_text(f"#!/bin/sh\necho begun > {tmp_path}/begun\nexec sleep 600\n")
    slow.chmod(0o700)
    text = dead_site.read_text().replace(
        "port = 1\n", f'port = 1\nproxy_command = "{slow}"\nconnect_timeout_s = 300\n'
    )
    dead_site.write_text(text)
    in_background = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *words(dead_site, tmp_path)]
    process = subprocess.Popen(in_background, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
            signal.sigtimedwait([], 0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(600) == 130
    finally:
        process.kill()
        process.communicate()
    verdict = json.loads((tmp_path / "evidence" / "latest" / "verdict.json").read_text())
    assert (verdict["outcome"], verdict["leftovers"]) == ("NOT PROVEN", [])
