"""A program run to its end or its deadline, with its whole process group. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
from typing import Any


async def run_script(
    argv: list[str], input_text: str, timeout_s: float, user: tuple[int, int] | None
) -> dict[str, Any]:
    """Status, stdout, stderr; ``timed_out`` where the deadline ended it.

    :param user: uid and gid to run as; None is root.
    """
    program = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        **_identity(user),
    )
    timed_out = False
    talk = asyncio.ensure_future(program.communicate(input_text.encode()))
    try:
        await asyncio.wait({talk}, timeout=timeout_s)
        timed_out = not talk.done()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)  # what it left behind, or all of it
    stdout, stderr = await talk
    return {
        "status": program.returncode,
        "stdout": stdout.decode(errors="replace"),
        "stderr": stderr.decode(errors="replace"),
        "timed_out": timed_out,
    }


def _identity(user: tuple[int, int] | None) -> dict[str, Any]:
    """Who a program runs as, and the environment that goes with that user."""
    path = os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    if user is None:
        return {"cwd": "/", "env": {"PATH": path, "HOME": "/root", "LC_ALL": "C.UTF-8"}}
    entry = pwd.getpwuid(user[0])
    return {
        "user": user[0],
        "group": user[1],
        "extra_groups": os.getgrouplist(entry.pw_name, user[1]),
        "cwd": "/",
        "env": {"PATH": path, "HOME": entry.pw_dir, "USER": entry.pw_name, "LC_ALL": "C.UTF-8"},
    }
