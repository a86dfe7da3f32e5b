"""Who started us waits for a front, which may go before we do. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer. A custodian that may outlive its run would keep
its ssh session, its sudo and their pipes for as long as it lives. So all that those see is a process that
only waits: it passes signals on, and ends as the custodian does, or sooner, when it is let go. Before the
custodian says that something stays it has the front pass on none any more: who hears that may end the front.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterable

_HOLD_OFF, _END = b"h", b"e"
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP)
_HEARD_S = 2.0  # for the front to say that it passes on no more: one that has been stopped says nothing


class Front:
    """The front, as who stands behind it sees it.

    :param telling: a descriptor to tell it by.
    :param hearing: one that it answers by.
    """

    def __init__(self, telling: int, hearing: int) -> None:
        self._telling = telling
        self._hearing = hearing

    def hold_off(self) -> None:
        """Have it pass on no signal any more; what it has passed on has been sent when this returns."""
        self._tell(_HOLD_OFF)
        select.select([self._hearing], [], [], _HEARD_S)

    def let_go(self) -> None:
        """Have it end, whether it holds off or not. It passes on no signal any more."""
        self._tell(_HOLD_OFF + _END)
        os.close(self._telling)
        os.close(self._hearing)
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):  # whoever reads these waits for their end
            os.dup2(null, standard)
        os.close(null)

    def _tell(self, words: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # it was killed
            os.write(self._telling, words)


def step_behind() -> Front:
    """Go on as another process, in a session of its own; the front stays here.

    To be called before there is a thread.
    """
    told, telling = os.pipe()  # none of these is inherited by a program that is started
    hearing, answering = os.pipe()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)  # until they can be passed on
    child = os.fork()
    if child:
        os.close(telling)
        os.close(hearing)
        _stand(child, told, answering, before)
    os.close(told)
    os.close(answering)
    os.setsid()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return Front(telling, hearing)


def _stand(child: int, told: int, answering: int, mask: Iterable[int]) -> None:
    """Wait until we are let go, or the child has ended; then end as it did.

    :param mask: the signals that are held back from the moment on when they are passed on.
    """

    def pass_on(number: int, _frame: object) -> None:
        if select.select([told], [], [], 0)[0]:
            return  # it has us hold off, and who started us only ends what is slow to
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    while word := os.read(told, 1):
        if word == _END:
            os._exit(0)
        for number in _PASSED_ON:
            signal.signal(number, signal.SIG_IGN)
        with contextlib.suppress(BrokenPipeError):  # it ended meanwhile
            os.write(answering, word)
    _, status = os.waitpid(child, 0)
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
