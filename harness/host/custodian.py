"""Our end of the custodian: the one process on the host that owns all we make there."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from harness.custodian.service import FAREWELL, GREETING
from harness.errors import HarnessError, TransportError, VmmError
from harness.transport.private import close_pipes, end_group

_EXIT_S = 0.3  # for the process to end by itself, once the custodian has said that it is done


class Custodian:
    """Requests over the custodian's stdin and stdout; safe to use from several threads at once.

    :param process: the custodian, or what leads to it, just started with
        :func:`harness.host.bundle.command`, in a session of its own so that a Ctrl-C is not for it.
    :param program: what the process is waiting for on its stdin.
    :param explain: turns what the process said on stderr, where it did not start, into an error.
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
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._greeting: Future[dict[str, Any]] = Future()
        self._farewell: Future[list[str]] = Future()
        self._waiting[FAREWELL] = self._farewell
        self._complaints = bytearray()
        self._lost = False
        self._threads = [
            threading.Thread(target=self._read_answers, name="custodian-answers", daemon=True),
            threading.Thread(target=self._read_complaints, name="custodian-stderr", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        try:
            self._send(program)
            self.facts: dict[str, Any] = self._greeting.result(timeout_s)
        except TimeoutError as error:
            self.close(timeout_s=1)
            raise explain(
                f"the custodian did not start within {timeout_s:g} s: {self._stderr_text()}"
            ) from error
        except BaseException:
            self.close(timeout_s=1)
            raise

    def ask(self, op: str, *, timeout_s: float, **fields: Any) -> Any:
        """One request, one answer.

        :raises VmmError: a VMM is what failed.
        :raises HarnessError: the custodian refused (with its reason), died, or did not answer in time.
        """
        answer = self.begin(op, **fields)
        try:
            return answer.result(timeout_s)
        except TimeoutError as error:
            raise TransportError(
                f"the custodian on the host did not answer {op} within {timeout_s:g} s",
                hint="is the host overloaded, or the connection to it slow?",
            ) from error

    def begin(self, op: str, **fields: Any) -> Future[Any]:
        """One request; the answer's future, to be waited for with a timeout."""
        number = next(self._numbers)
        answer: Future[Any] = Future()
        with self._lock:
            if self._lost:
                raise self._gone()
            self._waiting[number] = answer
        self._send(json.dumps({"id": number, "op": op, **fields}).encode() + b"\n")
        return answer

    def close(self, *, timeout_s: float = 30) -> str:
        """End the custodian's input, on which it destroys everything; what it could not destroy, if anything.

        The custodian's farewell is waited for: ssh itself would wait for whatever else uses the connection.
        """
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # it ended before us
                self._process.stdin.close()
        try:
            failures = self._farewell.result(timeout_s)
        except (TimeoutError, HarnessError):
            failures = [f"it ended without a farewell: {self._stderr_text() or 'no word'}"]
        try:
            self._process.wait(_EXIT_S)
        except subprocess.TimeoutExpired:
            end_group(self._process)
        for thread in self._threads:
            thread.join(timeout=5)
        close_pipes(self._process)
        return "\n  ".join(failures)

    def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
        try:
            with self._lock:
                self._process.stdin.write(data)
                self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:  # ValueError: closed already
            self._process.wait(10)
            raise self._gone() from error

    def _read_answers(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        for line in self._process.stdout:
            if self._greeting.done():
                self._settle(json.loads(line))
            elif line.startswith(GREETING.encode()):
                self._greeting.set_result(json.loads(line[len(GREETING) :]))
        self._process.wait()
        self._threads[1].join(timeout=5)
        with self._lock:
            self._lost = True
            left, self._waiting = self._waiting, {}
        for answer in left.values():
            answer.set_exception(self._gone())
        if not self._greeting.done():
            self._greeting.set_exception(self._explain(self._stderr_text()))

    def _settle(self, message: dict[str, Any]) -> None:
        with self._lock:
            answer = self._waiting.pop(message["id"], None)
        if answer is None:
            return  # the one who asked has given up
        if "error" not in message:
            answer.set_result(message["ok"])
        elif message.get("vmm"):
            answer.set_exception(VmmError(message["error"]))
        else:
            answer.set_exception(HarnessError(f"the custodian on the host refused: {message['error']}"))

    def _read_complaints(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it was started with a pipe
        for line in self._process.stderr:
            self._complaints += line

    def _stderr_text(self) -> str:
        return self._complaints.decode(errors="replace").strip()[-4000:]

    def _gone(self) -> TransportError:
        return TransportError(
            f"the custodian is gone (status {self._process.returncode}): {self._stderr_text() or 'no word'}",
            hint="was the connection lost, or the process killed? The next run removes what it held",
        )
