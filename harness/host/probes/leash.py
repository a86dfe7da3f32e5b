"""Runs ON the host, as root: another program, for as long as whoever asked for it is there. Python 3.9,
standard library only.

Behind it on the command line come the program, its argument, and how many bytes of stdin are the program's,
where its argument is ``-``. What comes of stdin behind these is nothing: it ends when they do, or their
connection is lost, and then the program ends, with all that it has started.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading


def await_end() -> None:
    """Read on until nobody is there; then end, with the group."""
    with contextlib.suppress(OSError):
        while os.read(0, 1 << 12):
            pass
    os.killpg(0, signal.SIGKILL)


def take(size: int) -> bytes:
    """So many bytes of stdin, and not one more."""
    data = b""
    while len(data) < size:
        chunk = os.read(0, size - len(data))
        if not chunk:
            sys.exit("what is asked did not come whole")
        data += chunk
    return data


if os.getpgrp() != os.getpid():  # as under sudo: what is not ours is in it
    os.setpgid(0, 0)
source, size = sys.argv.pop(1), int(sys.argv.pop(2))
sys.stdin = io.TextIOWrapper(io.BytesIO(take(size)), encoding="utf-8")
threading.Thread(target=await_end, daemon=True).start()
exec(compile(source, "what is asked", "exec"), {"__name__": "__main__"})  # noqa: S102 - it was sent with us
