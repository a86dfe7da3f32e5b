"""One HTTP request and its answer, within a time and a size for all of it. Part of the custodian.

Sent to the host, and asks there as root: standard library only, Python 3.9 or newer.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import threading
from typing import Any
from urllib.parse import SplitResult, urlsplit

from harness.custodian.limits import Limit, LimitReached

LONGEST_ANSWER = 1 << 20
_CONNECT_S = 10.0
_LOOK_S = 0.2  # how often a read that waits looks whether it is still wanted
_PIECE = 1 << 16


class NoAnswer(Exception):  # noqa: N818 - it reads as what happened
    """Nothing that could be understood came back, or not in time; the request may have been heard."""


class Unheard(NoAnswer):
    """Nobody was reached: not a word of the request was sent."""


def ask(
    method: str,
    url: str,
    body: str | None = None,
    *,
    timeout_s: float,
    stop: threading.Event | None = None,
) -> dict[str, Any]:
    """One request as it is: nothing is followed, no proxy is used.

    :param timeout_s: from now to the last byte of the answer.
    :param stop: gives it up when set, from any thread.
    :returns: ``url``, ``status``, ``headers`` and ``body``.
    :raises Unheard: nobody was reached.
    :raises NoAnswer: it was heard, perhaps, and not answered.
    """
    limit = Limit(f"{method} {url}", seconds=timeout_s, size=LONGEST_ANSWER)
    try:
        parts = urlsplit(url)
        link = _connected(parts, limit)
    except (OSError, ValueError, LimitReached) as error:
        raise Unheard(_described(error)) from error
    with contextlib.closing(link):
        try:
            return {"url": url, **_exchange(_Link(link, limit, stop), parts, method, body)}
        except Exception as error:
            raise NoAnswer(_described(error)) from error


def _connected(parts: SplitResult, limit: Limit) -> socket.socket:
    secure = parts.scheme == "https"
    if parts.hostname is None:
        raise ValueError(f"no address in {parts.geturl()!r}")
    link = _dialled(parts.hostname, parts.port or (443 if secure else 80), limit)
    if not secure:
        return link
    try:
        link.settimeout(min(limit.left_s(), _CONNECT_S))
        return ssl.create_default_context().wrap_socket(link, server_hostname=parts.hostname)
    except BaseException:
        link.close()
        raise


def _dialled(host: str, port: int, limit: Limit) -> socket.socket:
    failure = OSError(f"no address for {host}")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        link = socket.socket(family, kind, protocol)
        try:
            link.settimeout(min(limit.left_s(), _CONNECT_S))
            link.connect(address)
        except OSError as error:
            link.close()
            failure = error
        except BaseException:
            link.close()
            raise
        else:
            return link
    raise failure


def _exchange(link: _Link, parts: SplitResult, method: str, body: str | None) -> dict[str, Any]:
    connection = http.client.HTTPConnection(parts.netloc.rpartition("@")[2])
    connection.sock = link
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    content = None if body is None else body.encode()
    connection.request(method, target, content, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = bytearray()
    # In pieces: asked for all at once, it makes room for as much as the answer says that it has.
    while piece := answer.read(_PIECE):
        text += piece
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)
    return {
        "status": answer.status,
        "headers": answer.getheaders(),
        "body": text.decode("utf-8", "replace"),
    }


class _Link:
    """Stands for a socket in ``http.client``: each wait is as long as the whole may still take."""

    def __init__(self, link: socket.socket, limit: Limit, stop: threading.Event | None) -> None:
        self._link = link
        self._limit = limit
        self._stop = stop

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        rest = memoryview(data)
        while rest:
            self._link.settimeout(self._limit.left_s())
            rest = rest[self._link.send(rest) :]

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """What comes back."""
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """It is closed by who opened it: the answer is read after the connection was "closed"."""

    def receive_into(self, buffer: Any) -> int:
        """The next bytes; 0 at the end."""
        while True:
            if self._stop is not None and self._stop.is_set():
                raise OSError("given up: the custodian is ending")
            self._link.settimeout(min(self._limit.left_s(), _LOOK_S))
            try:
                count = self._link.recv_into(buffer)
            except socket.timeout:  # noqa: UP041 - another class before Python 3.10
                continue
            self._limit.take(count)
            return count


class _Incoming(io.RawIOBase):
    """The reading side of a link."""

    def __init__(self, link: _Link) -> None:
        self._link = link

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._link.receive_into(buffer)


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
