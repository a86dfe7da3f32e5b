"""Secrets never reach output, evidence or a report: what is remembered here is cut out of every text.

The one registry of a process: a secret is remembered where it is read, long before anybody knows which text
will carry it.
"""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

MASK = "‹secret›"

_SHORTEST = 4  # cutting out shorter ones would make every text unreadable, and hide nothing
_known: set[str] = set()


def remember(secret: str) -> str:
    """Cut ``secret`` out of every text from now on, and the password in it where it is a URL; return it."""
    spellings = {secret.strip(), *_passwords(secret)}
    _known.update(word for word in spellings if len(word) >= _SHORTEST)
    return secret


def redact(text: str) -> str:
    """``text`` without any secret."""
    for word in sorted(_known, key=len, reverse=True):
        text = text.replace(word, MASK)
    return text


def redact_bytes(content: bytes) -> bytes:
    """``content`` without any secret; everything else stays as it is, whatever its encoding."""
    for word in sorted(_known, key=len, reverse=True):
        content = content.replace(word.encode(), MASK.encode())
    return content


def _passwords(secret: str) -> set[str]:
    try:
        password = urlsplit(secret.strip()).password
    except ValueError:  # not a URL
        password = None
    if password is None:
        words = (word.partition("=") for word in secret.split())  # libpq's "host=… password=…"
        password = next((value.strip("'") for key, _, value in words if key == "password"), None)
    if not password:
        return set()
    return {password, unquote(password), quote(password, safe="")}
