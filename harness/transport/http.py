"""HTTP through a unix socket that leads to a server, and the address that a URL means."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from harness.urls import read_url

Endpoint = tuple[str, int]


def endpoint_of(url: str) -> Endpoint:
    """Host name and port; the port is the scheme's own where the URL names none.

    :raises UnreadableError: it is no such URL.
    """
    read = read_url(url, whose="an address")
    return read.host, read.port


@cache
def no_tls() -> ssl.SSLContext:
    """For transports that speak no TLS: httpx would load a bundle of certificates for each."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def transport_over(socket: Path, base_url: str) -> httpx.HTTPTransport:
    """A transport to the server that ``socket`` leads to, known by ``base_url``."""
    secure = urlsplit(base_url).scheme == "https"
    return httpx.HTTPTransport(uds=str(socket), verify=ssl.create_default_context() if secure else no_tls())


def client_over(socket: Path, base_url: str, *, timeout_s: float) -> httpx.Client:
    """A client of the server that ``socket`` leads to, to be closed by the caller; it uses no proxy."""
    transport = transport_over(socket, base_url)
    return httpx.Client(transport=transport, base_url=base_url, timeout=timeout_s, trust_env=False)
