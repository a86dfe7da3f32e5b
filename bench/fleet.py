"""What a fleet costs: smoke of many sites whose host is a closed port, so only the suite itself is measured.

And of sites whose host takes a connection and says nothing: it is waited for, and takes no processor.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.report import Figure
from harness.errors import UsageError
from harness.fleet.document import read_fleet_document
from harness.suite import ROOT

SIZES = (1, 10, 100)
SILENT, AT_ONCE = 16, (2, 16)
"""Sites that are waited for, and by how many workers."""
_CLOSED = 1
_WAIT_S = 30
_LOOK_EVERY_S = 0.5
_PROFILE = """name = "site {number}"
[host]
address = "127.0.0.1"
user = "nobody"
port = {port}
connect_timeout_s = {wait_s}
[guest]
identity_file = "{key}"
[database]
url_env = "BENCH_NO_DATABASE"
"""


def measure() -> Iterator[Figure]:
    """Sites a minute, and what each costs, by how many there are and how many are asked at once."""
    processors = len(os.sched_getaffinity(0))
    for size in SIZES:
        yield from _figures("closed", size, min(processors, size), _CLOSED)
    with socket.create_server(("127.0.0.1", 0), backlog=SILENT * 8) as silent:
        for workers in AT_ONCE:
            yield from _figures(f"silent for {_WAIT_S} s", SILENT, workers, silent.getsockname()[1])


def _figures(kind: str, sites: int, workers: int, port: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        took_s, cpu_s, megabytes = _asked(Path(folder), sites, workers, port)
    which = f"{sites} sites, {kind}, {workers} at once"
    yield Figure(f"{which}: sites a minute", sites / took_s * 60, "")
    yield Figure(f"{which}: CPU a site", cpu_s / sites, "s", how="all processes of ours")
    yield Figure(f"{which}: memory at its highest", megabytes, "MB", how="proportional set, all processes")


def _asked(folder: Path, sites: int, workers: int, port: int) -> tuple[float, float, float]:
    """Seconds, those of a processor, and megabytes."""
    key, profiles = folder / "key", folder / "sites"
    key.touch(0o600)
    profiles.mkdir()
    for number in range(sites):
        (profiles / f"s{number:04}.toml").write_text(
            _PROFILE.format(number=number, key=key, port=port, wait_s=_WAIT_S)
        )
    began, before = time.monotonic(), _cpu_s()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", "-m", "smoke", f"--fleet={profiles}", f"-n{workers}"),
            f"--evidence-dir={folder / 'evidence'}",
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    with _highest() as highest:
        process.wait()
    took = time.monotonic() - began, _cpu_s() - before
    told = read_fleet_document(folder / "evidence" / "fleet.json")
    if told.counts != {"BROKEN": sites}:
        raise UsageError(
            f"sites came to {told.counts}: something else was measured", hint="look at one of them"
        )
    return *took, highest[0]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def _highest() -> Iterator[list[float]]:
    """The most memory that all processes of ours had together."""
    seen, over = [0.0], threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_EVERY_S):
            seen[0] = max(seen[0], sum(map(_megabytes, _processes(os.getpid()))))

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield seen
    finally:
        over.set()
        looker.join()


def _processes(root: int) -> Iterator[int]:
    """All below a process."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{root}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from _processes(child)


def _megabytes(pid: int) -> float:
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1000
    return 0.0
