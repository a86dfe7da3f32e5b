"""A load on this machine: a busy loop on every core, and a writer on a disk. None of it outlives us."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.soak import burden
from harness.errors import CommandError
from harness.suite import ROOT

_ENDED_S = 60.0


@contextlib.contextmanager
def load(folder: Path) -> Iterator[list[int]]:
    """Have it for the block; the pids of its processes.

    :param folder: on the disk that is to be written to; nothing is left there.
    """
    kinds = [["spin"]] * len(os.sched_getaffinity(0)) + [["write", str(folder)]]
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(_burden(kind)) for kind in kinds]
        for one in processes:
            assert one.stdout is not None  # noqa: S101 - it was started with pipes
            if one.stdout.readline() != burden.READY:
                raise CommandError("a process of the load has not begun", hint="is there room on the disk?")
        yield [one.pid for one in processes]
        if any(one.poll() is not None for one in processes):
            raise CommandError(
                "a process of the load ended before the run", hint="is there room on the disk?"
            )


@contextlib.contextmanager
def _burden(kind: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """One process; its input is a pipe whose end is ours alone, and ends with us even where we are killed."""
    argv = [sys.executable, "-m", burden.__name__, *kind]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as one:
        try:
            yield one
        finally:
            one.kill()
            one.wait(_ENDED_S)
