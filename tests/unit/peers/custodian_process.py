"""A custodian as a host has it, but for where it keeps its notes, and less patient with others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import SshError
from harness.host import bundle
from harness.host.custodian import Custodian

RUN = "acc-00a11e"
PATIENCE_S = 1.0
"""What a host's waits for with others as it ends, where that has several seconds."""
LOCK_S = 60.0
"""How long it waits for another that reaps, where a host's gives up after some seconds."""
_MOVED = "module.main(*sys.argv[2:])"


def start_custodian(host_folders: Path, run: str = RUN, *how: str) -> tuple[subprocess.Popen[bytes], bytes]:
    """Its process, just started, and the program that it waits for.

    :param how: as it is told.
    """
    here = f"""
sys.modules['harness.custodian.requests']._PATIENCE_S = {PATIENCE_S}
sys.modules['harness.custodian.service']._HURRIED_S = {PATIENCE_S}
sys.modules['harness.custodian.service']._SAY_S = {PATIENCE_S}
sys.modules['harness.custodian.reaper']._LOCK_S = {LOCK_S}
sys.modules['harness.custodian.reaper'].RUNS = __import__('pathlib').Path({str(host_folders / "run")!r})
sys.modules['harness.custodian.netns'].NAMES = __import__('pathlib').Path({str(host_folders / "netns")!r})
"""
    program = bundle.program().decode().replace(_MOVED, here + _MOVED).encode()
    words = bundle.command(len(program), run, str(host_folders / "disks" / run), *how)
    process = subprocess.Popen(
        [sys.executable, *words[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    return process, program


@contextmanager
def custodian_of(host_folders: Path, run: str = RUN, *how: str) -> Iterator[Custodian]:
    """One that has been asked nothing yet."""
    process, program = start_custodian(host_folders, run, *how)
    owner = Custodian(process, program, timeout_s=60, explain=SshError)
    try:
        yield owner
    finally:
        owner.close()
