"""Starts the one child process, QEMU, so that it can never outlive this one."""

import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""QEMU looks into its tables of translated code all the time, all over them: fewer pages are found sooner."""


def spawn(argv: list[str], *, inherit: Sequence[int], stderr: int) -> int:
    """Start ``argv`` with the descriptors ``inherit`` under their numbers; the kernel kills it with us."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    parent = os.getpid()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(null)
        return pid
    try:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # we died between fork and prctl: nobody would ever end QEMU
            os._exit(1)
        os.setpgid(0, 0)  # a Ctrl-C on the terminal is for us; we end QEMU ourselves
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(stderr, 2)
        for fd in inherit:
            os.set_inheritable(fd, True)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvpe(argv[0], argv, {**HUGE_PAGES, **os.environ})  # noqa: S606 (no shell is what is wanted)
    finally:
        os.write(2, f"cannot run {argv[0]}: {sys.exc_info()[1]}\n".encode())
        os._exit(127)
