"""One shell on a machine that takes command after command: each costs a round trip, and no new connection."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import selectors
import shlex
import subprocess
import threading
import time
from collections.abc import Callable

from harness.errors import CommandError, TransportError
from harness.run import Result
from harness.transport.private import close_pipes

OUTPUT_LIMIT = 64 << 20
"""Bytes of either output that one command may print."""
_ENDED_BY_TIMEOUT = frozenset({124, 128 + 9, 128 + 15})
"""How timeout(1) ends at its deadline: as it says itself, where it had to kill, and as busybox's does."""
_KILL_AFTER_S = 2
_GRACE_S = 15.0  # for the way there and back, beyond what a command itself may take
_END_S = 1.0  # for an idle shell to end with its stdin
_LOOK_EVERY_S = 0.5  # whether the shell still lives
_CHUNK = 1 << 16
_LONGEST_END = 64
_SHOWN = 1000  # characters of a command, and of what it said, in a message
_SETTINGS = (
    "export LC_ALL=C.UTF-8 SYSTEMD_COLORS=0 SYSTEMD_PAGER=cat PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\n"
)

_COMMAND = """\
printf '%s begin\\n' {mark}; printf '%s begin\\n' {mark} >&2
timeout -k {kill_after_s} {timeout_s:g} sh -c {command} </dev/null
printf '\\n%s end %s\\n' {mark} "$?"; printf '\\n%s end\\n' {mark} >&2
"""
"""What each command is wrapped in. Marks that nobody can know tell its outputs from what came before: a
greeting, or what a program printed meanwhile that an earlier command left. It can neither break the shell nor
read from it."""


def as_it_is(output: str) -> str:
    """What a machine printed, with nothing kept out."""
    return output


class Shell:
    """A ``sh`` that lives until :meth:`close`, the end of its connection, or a command that breaks a limit.

    Safe to use from several threads: one command at a time.

    :param process: the shell, just started, in a session of its own, with pipes for all three streams.
    :param name: the machine, for messages.
    :param explain: turns what was said on stderr into an error, where the shell is lost.
    :param clean: applied to all that a command prints, before anybody sees it, be it in a message.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        *,
        name: str,
        explain: Callable[[str], TransportError],
        clean: Callable[[str], str] = as_it_is,
    ) -> None:
        self._process = process
        self._name = name
        self._explain = explain
        self._clean = clean
        self._closing = False
        self._lock = threading.RLock()
        self._mark = f"#{secrets.token_hex(8)}#"
        self._end = re.compile(rf"\n{self._mark} end(?: (\d+))?\n".encode())
        self._settings = _SETTINGS

    def run(self, command: str, *, timeout_s: float) -> Result:
        """One command. A non-zero status does not raise.

        :raises CommandError: not ended within ``timeout_s``, or more printed than :data:`OUTPUT_LIMIT`.
        :raises TransportError: the shell is gone.
        """
        with self._lock:
            began = time.monotonic()
            try:
                self._tell(command, timeout_s)
                stdout, stderr, status = self._listen(command, timeout_s)
            except BaseException:  # be it a Ctrl-C: what is yet to come would be the next one's answer
                self.close()
                raise
            took_s = time.monotonic() - began
        if status in _ENDED_BY_TIMEOUT and took_s >= timeout_s:  # else its own status
            raise self._too_slow(command, timeout_s, stdout, stderr)
        return Result((command,), status, stdout, stderr)

    def close(self) -> None:
        """End the shell, also while a command runs: that raises at once. Twice is no error.

        On a machine that is reached without SSH, what the command runs may go on to its deadline.
        """
        self._closing = True
        with contextlib.suppress(BrokenPipeError, ValueError):  # it ended before us, or was closed before
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(PermissionError):  # sudo's, without SSH: it ends with its command
                self._process.kill()
                self._process.wait(10)
        with self._lock:  # else somebody may read from pipes that are no longer ours
            close_pipes(self._process)

    @property
    def is_open(self) -> bool:
        """Whether another command can be given."""
        return not self._closing and self._process.poll() is None

    def _tell(self, command: str, timeout_s: float) -> None:
        text = self._settings + _COMMAND.format(
            mark=shlex.quote(self._mark),
            kill_after_s=_KILL_AFTER_S,
            timeout_s=timeout_s,
            command=shlex.quote(command),
        )
        self._settings = ""
        try:
            assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
            self._process.stdin.write(text.encode(errors="surrogateescape"))
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:  # ValueError: closed already
            raise self._lost("") from error

    def _listen(self, command: str, timeout_s: float) -> tuple[str, str, int]:
        """Both outputs, each from behind its begin to its end, and the status."""
        outputs = [bytearray(), bytearray()]
        ends: dict[int, re.Match[bytes]] = {}
        deadline = time.monotonic() + timeout_s + _GRACE_S
        with selectors.DefaultSelector() as selector:
            for number, pipe in enumerate((self._process.stdout, self._process.stderr)):
                assert pipe is not None  # noqa: S101 - it was started with pipes
                selector.register(pipe, selectors.EVENT_READ, number)
            while len(ends) < len(outputs):
                left_s = max(0.0, deadline - time.monotonic())
                ready = selector.select(min(left_s, _LOOK_EVERY_S))
                # What an ended shell left behind may hold its pipes open.
                if self._closing or not (ready or self.is_open):
                    raise self._lost(self._told(outputs[1]))
                if not ready and not left_s:
                    raise self._too_slow(command, timeout_s, *map(self._told, outputs))
                for key, _ in ready:
                    output, chunk = outputs[key.data], os.read(key.fd, _CHUNK)
                    if not chunk:
                        raise self._lost(self._told(outputs[1]))
                    output += chunk
                    if len(output) > OUTPUT_LIMIT:
                        raise self._too_much(command)
                    if end := self._end.search(output, max(0, len(output) - len(chunk) - _LONGEST_END)):
                        ends[key.data] = end
        stdout, stderr = (self._told(outputs[n][: ends[n].start()]) for n in (0, 1))
        return stdout, stderr, int(ends[0][1])

    def _told(self, output: bytearray) -> str:
        """What was printed behind the begin, cleaned; all of it where there is none."""
        begin = f"{self._mark} begin\n".encode()
        return self._clean(output.rpartition(begin)[2].decode(errors="replace"))

    def _too_much(self, command: str) -> CommandError:
        return CommandError(
            f"in {self._name}, printed more than {OUTPUT_LIMIT >> 20} MiB: {command[:_SHOWN]}",
            hint="what of it is needed? Have the command print no more",
        )

    def _too_slow(self, command: str, timeout_s: float, stdout: str, stderr: str) -> CommandError:
        return CommandError(
            f"in {self._name}, took over {timeout_s:g} s: {command[:_SHOWN]}\n"
            f"  it said: {(stdout + stderr)[-_SHOWN:]}",
            hint="is the machine overloaded, or does the command wait for something?",
        )

    def _lost(self, said: str) -> TransportError:
        return self._explain(said.strip()[-_SHOWN:])
