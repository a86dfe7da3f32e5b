"""This machine in testinfra's words, over a shell of its own: no SSH, and the programs that a PATH finds."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence

from harness.errors import SshError
from harness.infra.host import Host, ShellBackend
from harness.infra.shell import Shell, as_it_is
from harness.run import Result


def open_shell(
    path: str = os.environ["PATH"],
    clean: Callable[[str], str] = as_it_is,
    *,
    argv: Sequence[str] = ("/bin/sh",),
) -> Shell:
    """A shell that finds its programs there; ``argv`` is what claims to be one."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": path},
        start_new_session=True,
    )
    return Shell(
        process, name="here", explain=lambda said: SshError(f"the shell is lost: {said}"), clean=clean
    )


@contextlib.contextmanager
def this_machine(
    *,
    path: str = os.environ["PATH"],
    timeout_s: float = 60,
    remembers: bool = True,
    clean: Callable[[str], str] = as_it_is,
) -> Iterator[Host]:
    """The machine that the tests run on."""
    backend = ShellBackend("here", lambda: open_shell(path, clean), timeout_s=timeout_s, remembers=remembers)
    try:
        yield Host(backend)
    finally:
        backend.close()


def told(host: Host, command: str, stdout: str, *, status: int = 0) -> None:
    """Have a command answered so."""
    host.backend.remember({command: Result((), status, stdout, "")})
