"""The load: it is one, and none of its processes outlives who asked for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.soak.load import load
from harness.custodian.names import start_time
from harness.wait import wait_until
from tests.unit.peers.small_suite import ROOT

GENEROUS_S = 60.0


def cpu_ticks(pid: int) -> int:
    """What it has had of a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def written(pid: int) -> int:
    """Bytes that it has sent to a disk."""
    return int(Path(f"/proc/{pid}/io").read_text().partition("\nwchar: ")[2].partition("\n")[0])


def gone(pids: list[int]) -> bool:
    return all(start_time(pid) is None for pid in pids)


def test_each_core_and_the_disk_are_busy_and_nothing_is_left(tmp_path: Path) -> None:
    with load(tmp_path) as pids:
        *spinning, writing = pids
        assert len(spinning) == len(os.sched_getaffinity(0))
        for pid in spinning:
            before = cpu_ticks(pid)
            wait_until(lambda: cpu_ticks(pid) > before, what="it spins", timeout_s=GENEROUS_S)  # noqa: B023
        before = written(writing)
        wait_until(lambda: written(writing) > before, what="it writes", timeout_s=GENEROUS_S)
        assert list(tmp_path.iterdir()) == []
    assert gone(pids)
    assert list(tmp_path.iterdir()) == []


def test_it_ends_where_its_block_fails(tmp_path: Path) -> None:
    pids: list[int] = []

    def fail() -> None:
        with load(tmp_path) as found:
            pids.extend(found)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert pids
    assert gone(pids)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_who_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    program = (
        "import json, sys, time; from pathlib import Path; from bench.soak.load import load\n"
        "with load(Path(sys.argv[1])) as pids:\n    print(json.dumps(pids), flush=True); time.sleep(600)"
    )
    argv = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            pids = json.loads(process.stdout.readline())
            assert not gone(pids)
            process.send_signal(number)
            process.wait(GENEROUS_S)
        finally:
            process.kill()
    try:
        wait_until(lambda: gone(pids), what="its processes are gone", timeout_s=GENEROUS_S)
    finally:
        for pid in filter(start_time, pids):
            os.kill(pid, signal.SIGKILL)
