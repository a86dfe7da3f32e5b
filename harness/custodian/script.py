"""A program run to its end, its deadline or its last word, with its process group. Part of the custodian.

Sent to the host: standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import IO, Any

from harness.custodian.limits import Limit, LimitReached, TimeIsUp, TooMuch

MOST_SAID = 32 << 20
"""Bytes that a program may say, on stdout and stderr together."""
_BEGINNING = 64 << 10
_PIECE = 1 << 16
_POLL_S = 0.02  # where the kernel does not tell when a process ends
_KILL_S = 5.0
_REST_S = 1.0  # for what an ended program had said: who has left its group may go on, and is not waited for


class Script:
    """A program with its input; :meth:`run` may block, and :meth:`stop` ends it from any thread.

    It ends when the program itself does: what it left in the background is killed with its group, and what
    left the group is not waited for.

    :param user: uid and gid to run as; None is root.
    :param most_said: bytes of output that are taken, after which it is ended.
    """

    def __init__(
        self,
        argv: list[str],
        input_text: str,
        timeout_s: float,
        user: tuple[int, int] | None,
        *,
        most_said: int = MOST_SAID,
    ) -> None:
        self.stopped = False
        self._argv = [word.encode("utf-8", "surrogateescape") for word in argv]
        self._input = memoryview(input_text.encode("utf-8", "surrogateescape"))
        self._limit = Limit(argv[0], seconds=timeout_s, size=most_said)
        self._user = user
        self._lock = threading.Lock()
        self._group: int | None = None
        self._said: dict[IO[bytes], bytearray] = {}

    def run(self) -> dict[str, Any]:
        """Status, stdout, stderr; ``timed_out`` or ``truncated`` where that is what ended it.

        Of what is too much, only the beginning is given.
        """
        program = subprocess.Popen(
            self._argv,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **_identity(self._user),
        )
        assert program.stdin and program.stdout and program.stderr  # noqa: S101, PT018 - each is a pipe
        with program.stdin, program.stdout, program.stderr, self._watched(program):
            self._said = {program.stdout: bytearray(), program.stderr: bytearray()}
            reached: LimitReached | None = None
            try:
                self._talk(program)
            except LimitReached as error:
                reached = error
            self._kill()
            ended = _has_ended(program, within_s=_KILL_S)
            reached = self._hear_rest() or reached
        truncated = isinstance(reached, TooMuch)
        stdout, stderr = (
            bytes(said[:_BEGINNING] if truncated else said).decode("utf-8", "surrogateescape")
            for said in self._said.values()
        )
        return {
            "status": program.wait() if ended else -signal.SIGKILL,
            "stdout": stdout,
            "stderr": stderr,
            "timed_out": reached is not None and not truncated,
            "truncated": truncated,
        }

    def stop(self) -> None:
        """End it, or keep it from beginning to work."""
        self.stopped = True
        self._kill()

    @contextlib.contextmanager
    def _watched(self, program: subprocess.Popen[bytes]) -> Iterator[None]:
        """Its group may be killed until its leader is waited for: so long the number is its own."""
        with self._lock:
            self._group = program.pid
        if self.stopped:
            self._kill()
        try:
            yield
        finally:
            self._kill()
            with self._lock:
                self._group = None

    def _kill(self) -> None:
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self._group is not None:
                os.killpg(self._group, signal.SIGKILL)

    def _talk(self, program: subprocess.Popen[bytes]) -> None:
        """Until the program ends.

        :raises LimitReached: it goes on.
        """
        assert program.stdin  # noqa: S101 - it is a pipe
        with _ending(program) as end, selectors.DefaultSelector() as ready:
            for pipe in self._said:
                os.set_blocking(pipe.fileno(), False)
                ready.register(pipe, selectors.EVENT_READ, functools.partial(self._hear, pipe))
            os.set_blocking(program.stdin.fileno(), False)
            tell = functools.partial(self._tell, program.stdin)
            ready.register(program.stdin, selectors.EVENT_WRITE, tell)
            if end is not None:
                ready.register(end, selectors.EVENT_READ)
            while not _has_ended(program):
                left_s = self._limit.left_s()
                for key, _ in ready.select(left_s if end is not None else min(left_s, _POLL_S)):
                    if key.data is not None and not key.data():
                        ready.unregister(key.fileobj)

    def _tell(self, pipe: IO[bytes]) -> bool:
        """Some more of the input; whether there is more to come."""
        try:
            self._input = self._input[os.write(pipe.fileno(), self._input[:_PIECE]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            self._input = memoryview(b"")
        if not self._input:
            pipe.close()
        return bool(self._input)

    def _hear(self, pipe: IO[bytes]) -> bool:
        """Some more of the output; whether there may be more.

        :raises LimitReached: it is too much, or too late.
        """
        try:
            piece = os.read(pipe.fileno(), _PIECE)
        except BlockingIOError:
            return True
        self._said[pipe] += piece
        self._limit.take(len(piece))
        return bool(piece)

    def _hear_rest(self) -> TooMuch | None:
        """What an ended program had said: it may come late, and what is in a pipe is heard however late."""
        until = time.monotonic() + _REST_S
        for pipe, said in self._said.items():
            before = -1
            while len(said) > before and (before < 0 or time.monotonic() < until):
                before = len(said)
                try:
                    self._hear(pipe)
                except TooMuch as error:
                    return error
                except TimeIsUp:
                    pass
        return None


@contextlib.contextmanager
def _ending(program: subprocess.Popen[bytes]) -> Iterator[int | None]:
    """What can be read from when a program ends; None on a kernel without it."""
    try:
        end = os.pidfd_open(program.pid)
    except (AttributeError, OSError):
        yield None
        return
    try:
        yield end
    finally:
        os.close(end)


def _has_ended(program: subprocess.Popen[bytes], *, within_s: float = 0) -> bool:
    """Whether a program has ended. It is not waited for: its number, and its group's, stay its own."""
    until = time.monotonic() + within_s
    while True:
        if os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(_POLL_S)


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
