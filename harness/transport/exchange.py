"""One HTTP exchange through a unix socket, within its limits, whatever the peer does.

A timeout is for the whole exchange, from the connection to the last byte of the answer, however slowly its
pieces come; and an answer has a size, on the wire and unpacked. What goes wrong is one of httpx's transport
errors: a peer that misbehaves has not answered. One that closes a connection while nobody uses it does not: a
request that met such an end is sent once more.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import socket
import ssl
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpcore
import httpx
from httpcore._backends.sync import SyncStream

from harness.custodian.limits import Limit, LimitReached, TimeIsUp, TooMuch

ANSWER_LIMIT = 16 << 20
"""Bytes of an answer, its head included; and of its body once it is unpacked."""

_LONGEST_S = 60.0  # where a caller sets no timeout
_KEPT_ALIVE, _KEPT_ALIVE_S = 20, 5.0
_UNPACKED = {"gzip", "x-gzip"}
_CHARSETS = {"ascii", "cp1252", "iso8859-1", "utf-8"}
"""What is read as it says that it is written; all others, and those that no one knows, are read as UTF-8."""
_GZIP = 16 + zlib.MAX_WBITS
_MOST_MEMBERS = 100  # of a gzip stream: each costs a copy of what is left


@dataclass
class _UnderWay:
    """A request as it is sent: its limit, and what came of it."""

    limit: Limit
    connected: bool = False
    """A connection was made for it."""
    heard: bool = False
    """A byte came back."""


_UNDER_WAY: ContextVar[_UnderWay] = ContextVar("the request under way")


def response(
    status: int,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    *,
    extensions: Mapping[str, Any] | None = None,
) -> httpx.Response:
    """An answer that has been read; its text can be asked for, whatever charset it claims to have."""
    answer = _Answer(status, headers=list(headers), content=body, extensions=dict(extensions or {}))
    answer.encoding = _charset(answer.charset_encoding)
    return answer


class _Answer(httpx.Response):
    """One whose ``Location`` the client does not even read: it may be anything."""

    has_redirect_location = False

    def json(self, **options: Any) -> Any:
        """The body, decoded.

        :raises ValueError: it is no JSON, or nested too deep.
        """
        try:
            return super().json(**options)
        except RecursionError as error:
            raise ValueError("nested too deep") from error


class LimitedTransport(httpx.BaseTransport):
    """httpx has a timeout for each read: this one gives every read what is left of the whole."""

    def __init__(self, socket: Path, tls: ssl.SSLContext) -> None:
        self._pool, self._unkept = (
            httpcore.ConnectionPool(
                ssl_context=tls,
                uds=str(socket),
                max_connections=None,
                max_keepalive_connections=kept,
                keepalive_expiry=_KEPT_ALIVE_S,
                network_backend=_Backend(),
            )
            for kept in (_KEPT_ALIVE, 0)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request, and all of its answer."""
        under_way = _UnderWay(_limit_of(request))
        with _told(request):
            try:
                return self._exchange(self._pool, request, under_way)
            except (httpcore.NetworkError, httpcore.RemoteProtocolError):
                if under_way.connected or under_way.heard:
                    raise
                # It was closed as idle while the request was on its way, through whatever lies between.
                return self._exchange(self._unkept, request, under_way)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()
        self._unkept.close()

    def _exchange(
        self, pool: httpcore.ConnectionPool, request: httpx.Request, under_way: _UnderWay
    ) -> httpx.Response:
        before = _UNDER_WAY.set(under_way)
        try:
            answer = pool.handle_request(_core_request(request))
            try:
                assert isinstance(answer.stream, Iterable)  # noqa: S101 - it is that of a pool without async
                body = b"".join(answer.stream)
            finally:
                answer.close()
            return _unpacked(answer.status, answer.headers, body, under_way.limit)
        finally:
            _UNDER_WAY.reset(before)


class _Backend(httpcore.NetworkBackend):
    """Connects to unix sockets, within the limit of the request under way."""

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002 - what is left of the whole counts instead
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection. httpcore's own way would leave the socket open where nobody takes it."""
        with _within(httpcore.ConnectTimeout) as limit, contextlib.ExitStack() as unless_taken:
            plain = unless_taken.enter_context(socket.socket(socket.AF_UNIX))
            for option in socket_options or ():
                plain.setsockopt(*option)
            plain.settimeout(limit.left_s())
            _connect(plain, path)
            unless_taken.pop_all()
        _UNDER_WAY.get().connected = True
        return _Stream(SyncStream(plain))


def _connect(plain: socket.socket, path: str) -> None:
    try:
        plain.connect(path)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(str(error)) from error
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error


class _Stream(httpcore.NetworkStream):
    """A connection, whose every use is within the limit of the request under way."""

    def __init__(self, plain: httpcore.NetworkStream) -> None:
        self._plain = plain

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - as above
        """What came, counted."""
        with _within(httpcore.ReadTimeout) as limit:
            data = self._plain.read(max_bytes, limit.left_s())
            limit.take(len(data))
        _UNDER_WAY.get().heard |= bool(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as above
        """All of it."""
        with _within(httpcore.WriteTimeout) as limit:
            self._plain.write(buffer, limit.left_s())

    def close(self) -> None:
        """Close it."""
        self._plain.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.NetworkStream:
        """The same, with TLS."""
        with _within(httpcore.ConnectTimeout) as limit:
            return _Stream(self._plain.start_tls(ssl_context, server_hostname, limit.left_s()))

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows of itself."""
        return self._plain.get_extra_info(info)


class AsyncLimitedTransport(httpx.AsyncBaseTransport):
    """In an event loop a deadline for the whole is at hand.

    :param held: every connection stays open until the transport is closed, so that the peer has as many at
        once as requests were begun together, however slowly they reach it.
    """

    def __init__(self, socket: Path, tls: ssl.SSLContext, *, held: bool = False) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            uds=str(socket),
            max_connections=None,
            max_keepalive_connections=None if held else 0,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, and all of its answer."""
        limit = _limit_of(request)
        with _told(request):
            try:
                async with asyncio.timeout(limit.left_s()):
                    return await self._exchange(request, limit)
            except TimeoutError as error:
                raise limit.up() from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    async def _exchange(self, request: httpx.Request, limit: Limit) -> httpx.Response:
        answer = await self._pool.handle_async_request(_core_request(request))
        body = bytearray()
        try:
            async for part in answer.aiter_stream():
                limit.take(len(part))
                body += part
        finally:
            await answer.aclose()
        return _unpacked(answer.status, answer.headers, bytes(body), limit)


def _limit_of(request: httpx.Request) -> Limit:
    seconds = request.extensions.get("timeout", {}).get("read") or _LONGEST_S
    # Without the query: it may hold a code.
    return Limit(f"{request.method} {request.url.copy_with(query=None)}", seconds=seconds, size=ANSWER_LIMIT)


def _core_request(request: httpx.Request) -> httpcore.Request:
    url = request.url
    core = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"accept-encoding"]
    headers.append((b"Accept-Encoding", b"gzip"))
    return httpcore.Request(request.method, core, headers=headers, content=request.stream)


@contextlib.contextmanager
def _within(too_late: type[httpcore.TimeoutException]) -> Iterator[Limit]:
    """The limit of the request under way; what breaks it is told to the pool in httpcore's words."""
    limit = _UNDER_WAY.get().limit
    try:
        yield limit
    except httpcore.TimeoutException as error:
        raise too_late(str(limit.up())) from error
    except TimeIsUp as error:
        raise too_late(str(error)) from error
    except TooMuch as error:
        raise httpcore.ReadError(str(error)) from error


@contextlib.contextmanager
def _told(request: httpx.Request) -> Generator[None]:
    """What went wrong, in httpx's words, which are httpcore's names."""
    try:
        yield
    except TimeIsUp as error:
        raise httpx.ReadTimeout(str(error), request=request) from error
    except LimitReached as error:
        raise httpx.ReadError(str(error), request=request) from error
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__)
        raise kind(str(error), request=request) from error


def _unpacked(
    status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, limit: Limit
) -> httpx.Response:
    """An answer with its body as it was before it was packed; the headers no longer say that it is.

    :raises httpcore.RemoteProtocolError: it cannot be unpacked.
    :raises TooMuch: it becomes too large.
    """
    packed = b",".join(value for name, value in headers if name.lower() == b"content-encoding")
    coding = packed.decode("latin-1").strip().lower()
    if body and coding not in ("", "identity"):
        body = _inflated(body, coding, limit)
    kept = [(name, value) for name, value in headers if name.lower() != b"content-encoding"]
    return response(status, kept, body)


def _inflated(body: bytes, coding: str, limit: Limit) -> bytes:
    if coding not in _UNPACKED:
        raise httpcore.RemoteProtocolError(
            f"{limit.what}: answered in encoding {coding[:40]!r}, not asked for"
        )
    plain = bytearray()
    for _ in range(_MOST_MEMBERS):
        unpacking = zlib.decompressobj(_GZIP)
        try:
            plain += unpacking.decompress(body, limit.size - len(plain) + 1)
        except zlib.error as error:
            said = f"{limit.what}: not in {coding}, as it says: {error}"
            raise httpcore.RemoteProtocolError(said) from error
        if len(plain) > limit.size:
            raise TooMuch(f"{limit.what}: over {limit.size} bytes once unpacked, the rest was not")
        if not unpacking.eof:
            raise httpcore.RemoteProtocolError(f"{limit.what}: its {coding} ends halfway")
        body = unpacking.unused_data
        if not body:
            return bytes(plain)
    raise TooMuch(f"{limit.what}: over {_MOST_MEMBERS} members of {coding}, the rest was not unpacked")


def _charset(name: str | None) -> str:
    try:
        known = codecs.lookup(name or "utf-8").name
    except (LookupError, ValueError):
        return "utf-8"
    return known if known in _CHARSETS else "utf-8"
