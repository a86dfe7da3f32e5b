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

from harness.custodian.limits import Limit, TimeIsUp, TooMuch
from harness.errors import CommandError, TransportError
from harness.run import Result, feed
from harness.text import beginning, decoded, encoded, ending
from harness.transport.private import close_pipes, kill_session

OUTPUT_LIMIT = 64 << 20
"""Bytes that one command may print; what it says on stderr may be as much again."""
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
                stdout, stderr, status = self._ask(command, timeout_s)
            except BaseException:  # be it a Ctrl-C: what is yet to come would be the next one's answer
                self.close()
                raise
            took_s = time.monotonic() - began
        if status in _ENDED_BY_TIMEOUT and took_s >= timeout_s:  # else its own status
            raise self._too_slow(command, timeout_s, stdout, stderr)
        return Result((command,), status, stdout, stderr)

    def close(self) -> None:
        """End the shell, also while a command runs: that raises at once. Twice is no error.

        What the command runs ends too where it runs here, and is not root's by sudo; else at its deadline.
        """
        self._closing = True
        if self._lock.acquire(blocking=False):  # else a command is being told or heard
            try:
                if self._process.stdin is not None:
                    self._process.stdin.close()
            finally:
                self._lock.release()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            kill_session(self._process.pid)
            with contextlib.suppress(PermissionError):  # sudo's, without SSH: it ends with its command
                self._process.kill()
                self._process.wait(10)
        with self._lock:  # else somebody may read from pipes that are no longer ours
            close_pipes(self._process)

    @property
    def is_open(self) -> bool:
        """Whether another command can be given."""
        return not self._closing and self._process.poll() is None

    def _ask(self, command: str, timeout_s: float) -> tuple[str, str, int]:
        """Both outputs of a command, and its status."""
        outputs = (bytearray(), bytearray())
        limit = Limit(self._name, seconds=timeout_s + _GRACE_S, size=2 * OUTPUT_LIMIT)
        try:
            self._tell(command, timeout_s, limit)
            ends = self._listen(outputs, limit)
        except TimeIsUp as error:
            raise self._too_slow(command, timeout_s, *map(self._told, outputs)) from error
        except TooMuch as error:
            raise self._too_much(command) from error
        stdout, stderr = (self._told(outputs[n][: ends[n].start()]) for n in (0, 1))
        return stdout, stderr, int(ends[0][1])

    def _tell(self, command: str, timeout_s: float, limit: Limit) -> None:
        text = self._settings + _COMMAND.format(
            mark=shlex.quote(self._mark),
            kill_after_s=_KILL_AFTER_S,
            timeout_s=timeout_s,
            command=shlex.quote(command),
        )
        self._settings = ""
        data = encoded(text)
        try:
            assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
            if feed(self._process.stdin, data, limit) < len(data):
                raise limit.up()
        except (BrokenPipeError, ValueError) as error:  # ValueError: closed already
            raise self._lost("") from error

    def _listen(self, outputs: tuple[bytearray, bytearray], limit: Limit) -> dict[int, re.Match[bytes]]:
        """Gather both outputs; where each of them ends."""
        ends: dict[int, re.Match[bytes]] = {}
        with selectors.DefaultSelector() as selector:
            for number, pipe in enumerate((self._process.stdout, self._process.stderr)):
                assert pipe is not None  # noqa: S101 - it was started with pipes
                selector.register(pipe, selectors.EVENT_READ, number)
            while len(ends) < len(outputs):
                ready = selector.select(min(limit.left_s(), _LOOK_EVERY_S))
                # What an ended shell left behind may hold its pipes open.
                if self._closing or not (ready or self.is_open):
                    raise self._lost(self._told(outputs[1]))
                for key, _ in ready:
                    output, chunk = outputs[key.data], os.read(key.fd, _CHUNK)
                    if not chunk:
                        raise self._lost(self._told(outputs[1]))
                    output += chunk
                    limit.take(len(chunk))
                    if end := self._end.search(output, max(0, len(output) - len(chunk) - _LONGEST_END)):
                        ends[key.data] = end
        return ends

    def _told(self, output: bytearray) -> str:
        """What was printed behind the begin, cleaned; all of it where there is none."""
        begin = f"{self._mark} begin\n".encode()
        return self._clean(decoded(bytes(output.rpartition(begin)[2])))

    def _too_much(self, command: str) -> CommandError:
        return CommandError(
            f"in {self._name}, printed more than {OUTPUT_LIMIT >> 20} MiB: {beginning(command, _SHOWN)}",
            hint="what of it is needed? Have the command print no more",
        )

    def _too_slow(self, command: str, timeout_s: float, stdout: str, stderr: str) -> CommandError:
        return CommandError(
            f"in {self._name}, took over {timeout_s:g} s: {beginning(command, _SHOWN)}\n"
            f"  it said: {ending(stdout + stderr, _SHOWN)}",
            hint="is the machine overloaded, or does the command wait for something?",
        )

    def _lost(self, said: str) -> TransportError:
        return self._explain(ending(said.strip(), _SHOWN))
