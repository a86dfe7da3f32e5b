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
_TIMED_OUT = 124  # what timeout(1) says
_KILL_AFTER_S = 2
_GRACE_S = 15.0  # for the way there and back, beyond what a command itself may take
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
"""What each command is wrapped in. Marks that nobody can know tell its outputs from all else: a greeting, or
what a program still prints that an earlier command left. It can neither break the shell nor read from it."""


class Shell:
    """A ``sh`` that lives until :meth:`close`, the end of its connection, or a command that breaks a limit.

    Safe to use from several threads: one command at a time.

    :param process: the shell, just started, in a session of its own, with pipes for all three streams.
    :param name: the machine, for messages.
    :param explain: turns what was said on stderr into an error, where the shell is lost.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], *, name: str, explain: Callable[[str], TransportError]
    ) -> None:
        self._process = process
        self._name = name
        self._explain = explain
        self._lock = threading.Lock()
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
            self._tell(command, timeout_s)
            stdout, stderr, status = self._listen(command, timeout_s)
        if status == _TIMED_OUT and time.monotonic() - began >= timeout_s:  # else its own status
            raise self._too_slow(command, timeout_s, stdout + stderr)
        return Result((command,), status, _text(stdout), _text(stderr))

    def close(self) -> None:
        """End the shell, and whatever runs in it. Twice is no error."""
        with contextlib.suppress(BrokenPipeError, ValueError):  # it ended before us, or was closed before
            if self._process.stdin is not None:
                self._process.stdin.close()
        if self._process.poll() is None:
            self._process.kill()  # the machine's end of it ends with the connection
        self._process.wait(10)
        close_pipes(self._process)

    @property
    def is_open(self) -> bool:
        """Whether another command can be given."""
        return self._process.poll() is None

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
            raise self._lost(b"") from error

    def _listen(self, command: str, timeout_s: float) -> tuple[bytes, bytes, int]:
        """Both outputs, each from behind its begin to its end, and the status."""
        outputs = [bytearray(), bytearray()]
        ends: dict[int, re.Match[bytes]] = {}
        deadline = time.monotonic() + timeout_s + _GRACE_S
        with selectors.DefaultSelector() as selector:
            for number, pipe in enumerate((self._process.stdout, self._process.stderr)):
                assert pipe is not None  # noqa: S101 - it was started with pipes
                selector.register(pipe, selectors.EVENT_READ, number)
            while len(ends) < len(outputs):
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    self.close()
                    raise self._too_slow(command, timeout_s, bytes(outputs[0] + outputs[1]))
                for key, _ in ready:
                    output, chunk = outputs[key.data], os.read(key.fd, _CHUNK)
                    if not chunk:
                        raise self._lost(bytes(outputs[1]))
                    output += chunk
                    if len(output) > OUTPUT_LIMIT:
                        raise self._too_much(command)
                    if end := self._end.search(output, max(0, len(output) - len(chunk) - _LONGEST_END)):
                        ends[key.data] = end
        begin = f"{self._mark} begin\n".encode()
        stdout, stderr = (bytes(outputs[n][: ends[n].start()]).rpartition(begin)[2] for n in (0, 1))
        return stdout, stderr, int(ends[0][1])

    def _too_much(self, command: str) -> CommandError:
        self.close()
        return CommandError(
            f"in {self._name}, printed more than {OUTPUT_LIMIT >> 20} MiB: {command[:_SHOWN]}",
            hint="what of it is needed? Have the command print no more",
        )

    def _too_slow(self, command: str, timeout_s: float, said: bytes) -> CommandError:
        return CommandError(
            f"in {self._name}, took over {timeout_s:g} s: {command[:_SHOWN]}\n"
            f"  it said: {_text(said)[-_SHOWN:]}",
            hint="is the machine overloaded, or does the command wait for something?",
        )

    def _lost(self, said: bytes) -> TransportError:
        self.close()
        return self._explain(_text(said).replace(self._mark, "").strip()[-_SHOWN:])


def _text(output: bytes) -> str:
    return output.decode(errors="replace")
