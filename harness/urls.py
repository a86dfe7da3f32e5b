"""A URL that somebody gave us, taken apart; every way in which it can be none is one error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from harness.errors import UnreadableError
from harness.text import beginning

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_BLANK = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_SHOWN = 80


@dataclass(frozen=True)
class Url:
    """``http``, ``https``, ``ws`` or ``wss``, without a user."""

    text: str
    scheme: str
    host: str
    """In ASCII, as names are looked up; an IPv6 address without its brackets."""
    port: int
    """The scheme's own where the URL names none."""
    netloc: str
    """Host and port as the URL has them."""
    path: str
    query: str

    @property
    def origin(self) -> str:
        """Without path and query."""
        return f"{self.scheme}://{self.netloc}"

    def first_values(self) -> dict[str, str]:
        """The query's fields, the first of each name."""
        return {name: values[0] for name, values in parse_qs(self.query).items()}


def read_url(text: object, *, whose: str) -> Url:
    """Take a URL apart.

    :raises UnreadableError: it is none; what stands before an ``@`` in it may be secret, and is not shown.
    """
    if not isinstance(text, str):
        raise UnreadableError(f"{whose}: no URL: {beginning(str(text), _SHOWN)!r}")
    try:
        parts = urlsplit(text)
        fault = _fault(text, parts.scheme, parts.netloc)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError as error:  # a bracket, a port of 99999, a name that is none
        fault = str(error)
    if not fault and (port == 0 or not _HOST.fullmatch(host)):
        fault = "no host and port that could be asked"
    if fault:
        shown = beginning(re.sub(r"//[^/]*@", "//…@", text), _SHOWN)
        raise UnreadableError(f"{whose}: no http(s) address: {beginning(fault, _SHOWN)}: {shown!r}")
    return Url(
        text=text,
        scheme=parts.scheme,
        host=host,
        port=_PORTS[parts.scheme] if port is None else port,
        netloc=parts.netloc,
        path=parts.path,
        query=parts.query,
    )


def _fault(text: str, scheme: str, netloc: str) -> str:
    if _BLANK.search(text):
        return "blanks or control characters in it"
    if scheme not in _PORTS:
        return f"scheme {scheme!r}"
    return "a user in it" if "@" in netloc else ""
