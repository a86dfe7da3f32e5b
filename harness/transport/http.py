"""Clients of a server that a unix socket leads to, and the address that a URL means."""

from __future__ import annotations

import ssl
from functools import cache
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from harness.transport.exchange import AsyncLimitedTransport, LimitedTransport
from harness.urls import read_url

Endpoint = tuple[str, int]


def endpoint_of(url: str) -> Endpoint:
    """Host name and port; the port is the scheme's own where the URL names none.

    :raises UnreadableError: it is no such URL.
    """
    read = read_url(url, whose="an address")
    return read.host, read.port


@cache
def _no_tls() -> ssl.SSLContext:
    """For transports that speak no TLS: httpx would load a bundle of certificates for each."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def transport_over(socket: Path, base_url: str) -> httpx.BaseTransport:
    """A transport to the server that ``socket`` leads to, known by ``base_url``."""
    return LimitedTransport(socket, _tls_for(base_url))


def client_by(transport: httpx.BaseTransport, base_url: str, *, timeout_s: float) -> httpx.Client:
    """A client, to be closed by the caller; it uses no proxy, keeps no cookies and follows no redirect.

    :param timeout_s: for the whole of each request.
    """
    return httpx.Client(
        transport=transport, base_url=base_url, timeout=timeout_s, trust_env=False, cookies=_NoCookies()
    )


def client_over(socket: Path, base_url: str, *, timeout_s: float) -> httpx.Client:
    """A client, as :func:`client_by`, of the server that ``socket`` leads to."""
    return client_by(transport_over(socket, base_url), base_url, timeout_s=timeout_s)


def async_client_over(
    socket: Path, base_url: str, *, timeout_s: float, held: bool = False
) -> httpx.AsyncClient:
    """As :func:`client_over`, with a connection of its own for each request.

    :param held: each stays open until the client is closed.
    """
    transport = AsyncLimitedTransport(socket, _tls_for(base_url), held=held)
    return httpx.AsyncClient(
        transport=transport, base_url=base_url, timeout=timeout_s, trust_env=False, cookies=_NoCookies()
    )


class _NoCookies(CookieJar):
    def extract_cookies(self, response: object, request: object) -> None:
        """None is kept, and none is read: it may be anything."""


def _tls_for(base_url: str) -> ssl.SSLContext:
    return ssl.create_default_context() if urlsplit(base_url).scheme == "https" else _no_tls()
