"""Who started us waits for a front, which may go before we do. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. A custodian that may outlive its run would keep
its ssh session, its sudo and their pipes for as long as it lives. So all that those see is a process that
only waits: it passes signals on, and ends as the custodian does, or sooner, when it is let go.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable

_PASSED_ON = (signal.SIGTERM, signal.SIGHUP)


def step_behind() -> Callable[[], None]:
    """Go on as another process, in a session of its own; returns what lets the front go, which stays here.

    To be called before there is a thread.
    """
    reading, writing = os.pipe()  # neither is inherited by a program that is started
    child = os.fork()
    if child:
        os.close(writing)
        _stand(child, reading)
    os.close(reading)
    os.setsid()

    def let_go() -> None:
        with contextlib.suppress(BrokenPipeError):  # it was killed
            os.write(writing, b"go")
        os.close(writing)
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):  # whoever reads these waits for their end
            os.dup2(null, standard)
        os.close(null)

    return let_go


def _stand(child: int, reading: int) -> None:
    """Wait until we are let go, or the child has ended; then end as it did."""

    def pass_on(number: int, _frame: object) -> None:
        if select.select([reading], [], [], 0)[0]:
            return  # it has let us go, and who started us only ends what is slow to
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    if os.read(reading, 2):
        os._exit(0)
    _, status = os.waitpid(child, 0)
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
