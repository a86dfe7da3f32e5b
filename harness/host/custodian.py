"""Our end of the custodian: the one process on the host that owns all we make there."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import selectors
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from harness.custodian.limits import Limit, TimeIsUp
from harness.custodian.service import FAREWELL, GREETING
from harness.errors import HarnessError, TransportError, VmmError
from harness.run import feed
from harness.text import decoded, ending, plain
from harness.transport.private import close_pipes, end_group

ANSWER_LIMIT = 128 << 20
"""Bytes of one answer: the texts of a clone, each character of which may take six."""

_TELL_S = 30.0  # for a request to be taken, however long its answer may take
_EXIT_S = 0.3  # for the process to end by itself, once the custodian has said that it is done
_LOOK_EVERY_S = 0.5  # whether the process still lives
_CHUNK = 1 << 16
_STRAYS, _STRAY_BYTES = 8, 200  # of what is no answer, for messages
_SAID_BYTES = 64 << 10  # of what was said on stderr
_SHOWN = 4000  # characters of it, in a message
_ENDED = re.compile(rb"acceptance-custodian-ended ([0-9]+)\r?$")
_NUMBER = re.compile(rb'\s*\{"id": ?([0-9]{1,18}),')
"""How an answer begins, be the rest of it too long."""


def telling_its_end(argv: Sequence[str]) -> list[str]:
    """The command that starts a custodian, with a last line that says how it ended.

    Its connection does not say so: ssh keeps our pipes as long as anything else uses it.
    """
    return ["sh", "-c", '"$@"; printf "\\nacceptance-custodian-ended %s\\n" "$?"', "sh", *argv]


class Custodian:
    """Requests over the custodian's stdin and stdout; safe to use from several threads at once.

    What is no answer is passed over, and told where one is missing. Once the custodian is lost, so are all
    answers, at once.

    :param process: the custodian, or what leads to it, just started with
        :func:`harness.host.bundle.command` and :func:`telling_its_end`, in a session of its own so that a
        Ctrl-C is not for it.
    :param program: what the process is waiting for on its stdin.
    :param explain: turns what the process said on stderr, where it did not start or was lost, into an error.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        program: bytes,
        *,
        timeout_s: float,
        explain: Callable[[str], HarnessError],
    ) -> None:
        self._process = process
        self._explain = explain
        self._numbers = itertools.count(1)
        self._asked = 0
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._greeting: Future[dict[str, Any]] = Future()
        self._farewell: Future[list[str]] = Future()
        self._said = bytearray()
        self._strays: deque[bytes] = deque(maxlen=_STRAYS)
        self._status: int | None = None
        self._lost: TransportError | None = None
        self._reader = threading.Thread(target=self._read, name="custodian", daemon=True)
        self._reader.start()
        limit = Limit("the custodian's greeting", seconds=timeout_s, size=0)
        try:
            self._tell(program, limit)
            self.facts: dict[str, Any] = self._greeting.result(limit.left_s())
        except (TimeoutError, TimeIsUp, TransportError) as error:
            why = self._greeting.exception() if self._greeting.done() else None
            said = f"{self._stderr_text()}{self._strays_text()}"
            self.close(timeout_s=1)
            why = why or explain(f"the custodian did not start within {timeout_s:g} s: {said}")
            raise why from error
        except BaseException:
            self.close(timeout_s=1)
            raise

    def ask(self, op: str, *, timeout_s: float, **fields: Any) -> Any:
        """One request, one answer.

        :raises VmmError: a VMM is what failed.
        :raises HarnessError: the custodian refused (with its reason), died, or did not answer in time.
        """
        limit = Limit(f"the custodian's answer to {op}", seconds=timeout_s, size=0)
        answer = self._begin(op, fields, min(timeout_s, _TELL_S))
        try:
            return answer.result(limit.left_s())
        except (TimeoutError, TimeIsUp) as error:
            raise TransportError(
                f"the custodian on the host did not answer {op} within {timeout_s:g} s{self._strays_text()}",
                hint="is the host overloaded, or the connection to it slow?",
            ) from error

    def begin(self, op: str, **fields: Any) -> Future[Any]:
        """One request; the answer's future, to be waited for with a timeout."""
        return self._begin(op, fields, _TELL_S)

    def close(self, *, timeout_s: float = 30) -> str:
        """End the custodian's input, on which it destroys everything; what it could not destroy, if anything.

        The custodian's farewell is waited for: ssh itself would wait for whatever else uses the connection.
        """
        deadline = time.monotonic() + timeout_s
        # Not acquired: somebody tells it something that it does not take.
        if self._process.stdin is not None and self._telling.acquire(timeout=timeout_s):
            self._process.stdin.close()
            self._telling.release()
        try:
            failures = self._farewell.result(max(0.0, deadline - time.monotonic()))
        except (TimeoutError, HarnessError):
            why = self._stderr_text() or "no word"
            failures = [f"it ended without a farewell: {why}{self._strays_text()}"]
        try:
            self._process.wait(_EXIT_S)
        except subprocess.TimeoutExpired:
            end_group(self._process)
        self._reader.join(timeout=5)
        close_pipes(self._process)
        return "\n  ".join(failures)

    def _begin(self, op: str, fields: dict[str, Any], limit_s: float) -> Future[Any]:
        answer: Future[Any] = Future()
        limit = Limit(f"the request to {op}", seconds=limit_s, size=0)
        with self._lock:
            if self._lost is not None:
                raise _copy(self._lost)
            self._asked = number = next(self._numbers)
            self._waiting[number] = answer
        try:
            self._tell(json.dumps({"id": number, "op": op, **fields}).encode() + b"\n", limit)
        except BaseException:
            with self._lock:
                self._waiting.pop(number, None)
            raise
        return answer

    def _tell(self, data: bytes, limit: Limit) -> None:
        """Send something; no other thread does so meanwhile, and none but those is held up.

        :raises TransportError: it is not taken in time. Where a part was, nothing more can be said.
        """
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it was started with a pipe
        if not self._telling.acquire(timeout=limit.seconds):
            raise self._deaf(limit)
        try:
            taken = feed(stdin, data, limit)
        except (BrokenPipeError, ValueError) as error:  # ValueError: closed already
            self._reader.join(2 * _LOOK_EVERY_S)  # it knows why
            raise _copy(self._lost or self._gone()) from error
        finally:
            self._telling.release()
        if taken < len(data):
            deaf = self._deaf(limit)
            if taken:
                self._lose(deaf)
            raise deaf

    def _read(self) -> None:
        """Take what comes, to its end; then nothing is waited for any more."""
        for line in self._lines():
            if ended := _ENDED.search(line):
                self._status = int(ended[1])
            elif not self._greeting.done():
                self._greet(line)
            elif not self._settle(line):
                self._strays.append(line[:_STRAY_BYTES])
        with contextlib.suppress(
            subprocess.TimeoutExpired
        ):  # ssh waits for whatever else uses the connection
            self._process.wait(_EXIT_S)
        gone = self._gone()
        self._lose(gone)
        if not self._greeting.done():
            self._greeting.set_exception(self._explain(self._stderr_text() + self._strays_text()))
        if not self._farewell.done():
            self._farewell.set_exception(gone)

    def _lines(self) -> Iterator[bytes]:
        """What comes on stdout, in lines of a bounded length, until nothing more can come."""
        stdout, stderr = self._process.stdout, self._process.stderr
        assert stdout is not None and stderr is not None  # noqa: S101, PT018 - it was started with pipes
        line = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            selector.register(stderr, selectors.EVENT_READ)
            speaks = True
            while selector.get_map():
                speaks = speaks and self._status is None
                ready = selector.select(_LOOK_EVERY_S if speaks else _EXIT_S)
                if not ready and (not speaks or self._process.poll() is not None):
                    break  # what it left running may hold its pipes
                for key, _ in ready:
                    chunk = os.read(key.fd, _CHUNK)
                    if not chunk:
                        selector.unregister(key.fileobj)
                        speaks = speaks and key.fileobj is not stdout
                    elif key.fileobj is stderr:
                        self._said = (self._said + chunk)[-_SAID_BYTES:]
                    else:
                        yield from self._split(line, chunk)
        if line:
            yield bytes(line)

    def _split(self, line: bytearray, chunk: bytes) -> Iterator[bytes]:
        """The lines that ``chunk`` ends; of one that is too long there is its beginning."""
        *ended, rest = chunk.split(b"\n")
        for end in ended:
            line += end
            yield bytes(line[: ANSWER_LIMIT + 1])
            line.clear()
        line += rest
        del line[ANSWER_LIMIT + 1 :]

    def _greet(self, line: bytes) -> None:
        """Take the greeting. What a login prints without a newline may stand before it."""
        before, greeting, facts = line.partition(GREETING.encode())
        told = _object(facts) if greeting else None
        if before or told is None:
            self._strays.append((before if told else line)[:_STRAY_BYTES])
        if told is not None:
            self._greeting.set_result(told)

    def _settle(self, line: bytes) -> bool:
        """Whether a line is an answer; whoever waits for it has it."""
        if len(line) > ANSWER_LIMIT:
            return self._settle_too_long(line)
        message = _object(line)
        number = message.get("id") if message else None
        if message is None or type(number) is not int or not ("ok" in message or "error" in message):
            return False
        if number == FAREWELL:
            return self._take_farewell(message.get("ok"))
        if not 0 < number <= self._asked:
            return False
        with self._lock:
            answer = self._waiting.pop(number, None)
        if answer is None:  # the one who asked has given up
            return True
        if "error" not in message:
            answer.set_result(message["ok"])
        elif message.get("vmm"):
            answer.set_exception(VmmError(str(message["error"])))
        else:
            answer.set_exception(HarnessError(f"the custodian on the host refused: {message['error']}"))
        return True

    def _take_farewell(self, failures: object) -> bool:
        if self._farewell.done() or not isinstance(failures, list):
            return False
        self._farewell.set_result([str(failure) for failure in failures])
        return True

    def _settle_too_long(self, line: bytes) -> bool:
        number = _NUMBER.match(line)
        with self._lock:
            answer = self._waiting.pop(int(number[1]), None) if number else None
        if answer is not None:
            answer.set_exception(
                TransportError(f"the custodian on the host answered over {ANSWER_LIMIT >> 20} MiB: not read")
            )
        return answer is not None

    def _lose(self, why: TransportError) -> None:
        """Settle all that is waited for, once and for all."""
        with self._lock:
            self._lost = self._lost or why
            left, self._waiting = self._waiting, {}
        for answer in left.values():
            answer.set_exception(_copy(why))

    def _deaf(self, limit: Limit) -> TransportError:
        return TransportError(
            f"{limit.what}: the custodian on the host did not take the request within {limit.seconds:g} s",
            hint="is the process stopped, or the connection to the host stuck?",
        )

    def _stderr_text(self) -> str:
        return ending(plain(decoded(bytes(self._said))).strip(), _SHOWN)

    def _strays_text(self) -> str:
        """What was printed that is no answer, for a message; nothing where there is none."""
        strays = " | ".join(plain(decoded(line)) for line in list(self._strays))
        return f"\n  it printed what is no answer: {strays}" if strays else ""

    def _gone(self) -> TransportError:
        said, what_next = self._stderr_text(), "The next run removes what it held"
        if self._status is not None:
            how, hint = f"it ended with status {self._status}", f"was it killed? {what_next}"
        else:
            how, hint = "the connection to it ended", f"was it lost? {what_next}"
            if said:  # by what leads to it
                reason = self._explain(said)
                said, hint = reason.message, f"{reason.hint}. {what_next}"
        return TransportError(
            f"the custodian is gone, {how}: {said or 'no word'}{self._strays_text()}", hint=hint
        )


def _copy(error: TransportError) -> TransportError:
    """One for each who is told: what is raised has a way of its own."""
    return TransportError(error.message, hint=error.hint)


def _object(line: bytes) -> dict[str, Any] | None:
    """The JSON object in a line; None where it holds none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
