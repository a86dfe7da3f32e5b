"""The API socket and all else this process waits for, in one thread: requests are done one at a time."""

import os
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from lab.vmm.http import CONTINUE, TOO_MANY, HttpError, Parser, Request, render_http_error

MAX_CONNECTIONS = 10
CHUNK = 65536
LEAVE_S = 1.0


@dataclass(slots=True)
class Reply:
    """What to send, and whether the process ends after that."""

    data: bytes
    exit_code: int | None = None


Handler = Callable[[Request], Reply]


@dataclass(slots=True)
class _Client:
    sock: socket.socket
    parser: Parser
    unsent: bytearray = field(default_factory=bytearray)
    closing: bool = False


@dataclass(slots=True)
class _Timer:
    seconds: float
    call: Callable[[], object]
    due: float


class Server:
    """Waits on file descriptors and calls who asked for them."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._clients: dict[int, _Client] = {}
        self._code: int | None = None
        self.before_waiting: Callable[[], None] = lambda: None
        self._timers: list[_Timer] = []

    def serve(self, listener: socket.socket, handler: Handler, max_payload: int) -> None:
        """Answer requests on ``listener``."""
        listener.setblocking(False)
        self.watch(listener.fileno(), lambda: self._accept(listener, handler, max_payload))

    def watch(self, fd: int, ready: Callable[[], object]) -> None:
        """Call ``ready`` whenever ``fd`` can be read."""
        self._selector.register(fd, selectors.EVENT_READ, ready)

    def unwatch(self, fd: int) -> None:
        """Forget ``fd``; forgetting it twice does no harm."""
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def every(self, seconds: float, call: Callable[[], object]) -> None:
        """Call ``call`` at this interval, until it returns False."""
        self._timers.append(_Timer(seconds, call, time.monotonic() + seconds))

    def stop(self, code: int) -> None:
        """Leave ``run`` with this exit code."""
        self._code = code

    def run(self) -> int:
        """Wait and call until somebody says stop; returns the exit code."""
        while self._code is None:
            self.before_waiting()
            if self._code is not None:
                break
            due = min((timer.due for timer in self._timers), default=None)
            timeout = None if due is None else max(0.0, due - time.monotonic())
            for key, _ in self._selector.select(timeout):
                if self._code is None and key.fd in self._selector.get_map():
                    key.data()
            self._ring()
        return self._code

    def _ring(self) -> None:
        for timer in [timer for timer in self._timers if time.monotonic() >= timer.due]:
            if self._code is None and timer.call() is not False:
                timer.due = time.monotonic() + timer.seconds
            else:
                self._timers.remove(timer)

    def _accept(self, listener: socket.socket, handler: Handler, max_payload: int) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:  # gone again
            return
        sock.setblocking(False)
        if len(self._clients) >= MAX_CONNECTIONS:
            with suppress(OSError):  # gone before it heard
                sock.send(TOO_MANY)
            sock.close()
            return
        client = _Client(sock, Parser(max_payload))
        self._clients[sock.fileno()] = client
        self.watch(sock.fileno(), lambda: self._readable(client, handler))

    def _readable(self, client: _Client, handler: Handler) -> None:
        if client.unsent:
            self._flush(client)
            return
        try:
            data = client.sock.recv(CHUNK)
        except OSError:  # reset by the peer: the same as its end
            data = b""
        if not data:
            self._close(client)
            return
        client.parser.feed(data)
        self._answer_all(client, handler)
        self._flush(client)

    def _answer_all(self, client: _Client, handler: Handler) -> None:
        try:
            while (request := client.parser.next()) is not None:
                reply = handler(request)
                client.unsent += reply.data
                if reply.exit_code is not None:
                    self.stop(reply.exit_code)
                    self._take_leave(client)
                    return
            if client.parser.wants_continue:
                client.parser.wants_continue = False
                client.unsent += CONTINUE
        except HttpError as error:
            client.unsent += render_http_error(error)
            client.closing = True

    def _take_leave(self, client: _Client) -> None:
        """Wait until the last answer is taken, but not for long."""
        deadline = time.monotonic() + LEAVE_S
        with suppress(OSError):  # gone before it read its answer, or too slow
            while client.unsent and (left := deadline - time.monotonic()) > 0:
                client.sock.settimeout(left)
                del client.unsent[: client.sock.send(client.unsent)]
        client.unsent.clear()
        client.closing = True

    def _flush(self, client: _Client) -> None:
        try:
            while client.unsent:
                del client.unsent[: client.sock.send(client.unsent)]
        except BlockingIOError:
            self._selector.modify(
                client.sock, selectors.EVENT_WRITE, self._selector.get_key(client.sock).data
            )
            return
        except OSError:  # gone before it read its answer
            client.closing = True
        if client.closing:
            self._close(client)
        else:
            self._selector.modify(client.sock, selectors.EVENT_READ, self._selector.get_key(client.sock).data)

    def _close(self, client: _Client) -> None:
        self._clients.pop(client.sock.fileno(), None)
        self.unwatch(client.sock.fileno())
        client.sock.close()


def listen(path: str) -> socket.socket:
    """The API socket, bound and listening; its file is left behind at the end, as Firecracker leaves it."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    os.set_inheritable(sock.fileno(), False)
    sock.bind(path)
    sock.listen(128)
    return sock
