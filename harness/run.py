"""The one door for local processes: argv lists, no stdin, always a limit, a log line that can be pasted."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import selectors
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.custodian.limits import Limit, LimitReached, TimeIsUp
from harness.errors import CommandError
from harness.mend import shell_line
from harness.text import decoded, encoded, ending

log = logging.getLogger(__name__)

OUTPUT_LIMIT = 64 << 20
"""Bytes that a program may print in all."""

_PASSED_ON = ("PATH", "HOME", "LANG", "TERM", "TMPDIR", "SSH_AUTH_SOCK", "SYSTEMD_COLORS")
_CHUNK = 1 << 16
_LOOK_EVERY_S = 0.2  # whether the program still runs
_KILLED_S = 5.0  # for a killed program to be gone
_SHOWN = 2000  # characters of what it said, in a message


@dataclass(frozen=True)
class Result:
    """What a program said: exit status, stdout and stderr, as :func:`harness.text.decoded` has them."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def command(self) -> str:
        """The command as it can be pasted into a shell."""
        return shell_line(self.argv)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The small explicit environment every program gets."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", **(extra or {})}


def run(
    argv: Sequence[str | Path],
    *,
    timeout_s: float,
    check: bool = True,
    input_text: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    hint: str = "",
    farewell_s: float = 0.0,
    held: Sequence[int] = (),
    leashed: bool = False,
) -> Result:
    """Run a program to its end. What it leaves running is not waited for, nor heard.

    :param timeout_s: seconds; on expiry the program is killed, with its process group.
    :param farewell_s: before it is killed, also because we are interrupted, it is told to end by SIGTERM and
        has so many seconds to do so.
    :param held: descriptors that the program holds on to as well, should it outlive us.
    :param leashed: its stdin ends when we do, or have done with it, and not behind ``input_text``: by that it
        knows to end, wherever no signal of ours comes to it.
    :param check: a non-zero status raises.
    :raises CommandError: not found, ended with a non-zero status (with ``check``), took too long, or printed
        more than :data:`OUTPUT_LIMIT`.
    """
    words = tuple(str(word) for word in argv)
    log.debug("run: %s", shell_line(words))
    limit = Limit(shell_line(words), seconds=timeout_s, size=OUTPUT_LIMIT)
    outputs = (bytearray(), bytearray())
    with _started(
        words, cwd, environment(env), hint, hears=leashed or input_text is not None, held=held
    ) as process:
        try:
            _talk(process, encoded(input_text or ""), outputs, limit, stays_open=leashed)
        except KeyboardInterrupt:
            _part(process, outputs, farewell_s)
            raise
        except LimitReached as error:
            _part(process, outputs, farewell_s)
            slow = isinstance(error, TimeIsUp)
            what = f"took over {timeout_s:g} s" if slow else f"printed more than {OUTPUT_LIMIT >> 20} MiB"
            said = ending(decoded(bytes(outputs[1] or outputs[0])).strip(), _SHOWN)
            told = f"\n  it said: {said}" if said else ""
            raise CommandError(f"{what}: {shell_line(words)}{told}", hint=hint) from error
    result = Result(words, process.returncode, *(decoded(bytes(output)) for output in outputs))
    if check and result.status != 0:
        said = ending(result.stderr.strip() or result.stdout.strip() or "nothing", _SHOWN)
        raise CommandError(f"exit status {result.status}: {result.command}\n  it said: {said}", hint=hint)
    return result


def _part(process: subprocess.Popen[bytes], outputs: tuple[bytearray, bytearray], seconds: float) -> None:
    """Tell a program to end, and hear it out for so long. Not by SIGINT: what was started in a shell's
    background ignores it, and so does all that it starts."""
    if seconds <= 0:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        process.terminate()
    with contextlib.suppress(LimitReached):
        _talk(process, b"", outputs, Limit("a farewell", seconds=seconds, size=OUTPUT_LIMIT))


def feed(pipe: IO[bytes], data: bytes, limit: Limit) -> int:
    """Write to a program that may not be reading; how much of it was taken in time.

    The pipe does not block from then on.

    :raises BrokenPipeError: nobody reads from it any more.
    :raises ValueError: it is closed.
    """
    os.set_blocking(pipe.fileno(), False)
    left = memoryview(data)
    room = select.poll()
    room.register(pipe, select.POLLOUT)
    with contextlib.suppress(TimeIsUp):
        while left:
            if room.poll(1000 * limit.left_s()):
                with contextlib.suppress(BlockingIOError):
                    left = left[os.write(pipe.fileno(), left[:_CHUNK]) :]
    return len(data) - len(left)


@contextlib.contextmanager
def _started(
    words: Sequence[str],
    cwd: Path | None,
    env: Mapping[str, str],
    hint: str,
    *,
    hears: bool,
    held: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """The program, in a session of its own; killed with its group where it has not ended by the end."""
    pipe, stdin = subprocess.PIPE, subprocess.PIPE if hears else subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            words,
            stdin=stdin,
            stdout=pipe,
            stderr=pipe,
            cwd=cwd,
            env=env,
            start_new_session=True,
            pass_fds=held,
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL within
        why = error.strerror if isinstance(error, OSError) else error
        raise CommandError(f"cannot run {words[0]}: {why}", hint=hint or f"install {words[0]}") from error
    try:
        yield process
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # sudo's: it ends with its pipes
                os.killpg(process.pid, signal.SIGKILL)
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_KILLED_S)
        for end in (process.stdin, process.stdout, process.stderr):
            if end is not None:
                end.close()


def _talk(
    process: subprocess.Popen[bytes],
    data: bytes,
    outputs: tuple[bytearray, bytearray],
    limit: Limit,
    *,
    stays_open: bool = False,
) -> None:
    """Write ``data`` and read both outputs, until the program has ended and what it said has come."""
    left = memoryview(data)
    with selectors.DefaultSelector() as selector:
        for number, pipe in enumerate((process.stdout, process.stderr)):
            assert pipe is not None  # noqa: S101 - it was started with pipes
            selector.register(pipe, selectors.EVENT_READ, outputs[number])
        if process.stdin is not None and not process.stdin.closed:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE)
        while selector.get_map():
            over = process.poll() is not None
            ready = selector.select(0 if over else min(limit.left_s(), _LOOK_EVERY_S))
            if over and not any(key.data is not None for key, _ in ready):
                return  # what it left running may hold its pipes
            for key, _ in ready:
                if key.data is not None:
                    _hear(selector, key, limit)
                else:
                    left = _tell(key.fd, left)
                    if not left:
                        selector.unregister(key.fileobj)
                        if not stays_open:
                            key.fileobj.close()  # type: ignore[union-attr] # it is our pipe
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(limit.left_s())


def _hear(selector: selectors.BaseSelector, key: selectors.SelectorKey, limit: Limit) -> None:
    chunk = os.read(key.fd, _CHUNK)
    if not chunk:
        selector.unregister(key.fileobj)
    key.data.extend(chunk)
    limit.take(len(chunk))


def _tell(fd: int, left: memoryview) -> memoryview:
    try:
        return left[os.write(fd, left[:_CHUNK]) :]
    except BlockingIOError:
        return left
    except BrokenPipeError:  # it does not want to know
        return left[:0]
