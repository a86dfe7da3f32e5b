"""Secrets never reach output, evidence or a report: what is remembered here is cut out of every text.

The one registry of a process: a secret is remembered where it is read, long before anybody knows which text
will carry it.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "‹secret›"

_SHORTEST_SECRET = 4  # cutting out shorter ones would make every text unreadable, and hide nothing
_SHORTEST_PART = 6
_CUT = "..."
_FORMATTER = logging.Formatter()
_known: set[str] = set()
_TOKENS = "access_token|refresh_token|id_token|code_verifier"
_PATTERNS = (
    rf"([?&#;](?:code|state|{_TOKENS})=)[^&#;\s\"'<>]+",
    rf"(%(?:3F|26)(?:code|state|{_TOKENS})%3D)(?:(?!%26)[^&\s\"'<>])+",
    rf"(\\*\"(?:password|{_TOKENS})\\*\"\s*:\s*\\*\")[^\"\\]+",
)
"""What OAuth keeps secret, where it is seen for the first time: in a URL, in one within another, in JSON."""
_IN_TEXT = tuple(re.compile(pattern) for pattern in _PATTERNS)
_IN_BYTES = tuple(re.compile(pattern.encode()) for pattern in _PATTERNS)


def remember(secret: str) -> str:
    """Cut ``secret`` out of every text from now on, and the password in it where it is a URL; return it."""
    plain = secret.strip()
    spellings = {
        plain,
        quote(plain, safe=""),
        quote_plus(plain),
        json.dumps(plain)[1:-1],
        *_passwords(secret),
    }
    _known.update(word for word in spellings if len(word) >= _SHORTEST_SECRET)
    return secret


def redact(text: str) -> str:
    """``text`` without any secret."""
    words = sorted(_known, key=len, reverse=True)
    for word in words:
        text = text.replace(word, MASK)
    if _CUT in text:
        for word in words:
            text = _without_parts(text, word)
    for pattern in _IN_TEXT:
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text


def redact_bytes(content: bytes) -> bytes:
    """``content`` without any secret; everything else stays as it is, whatever its encoding."""
    try:
        return redact(content.decode()).encode()
    except UnicodeDecodeError:
        pass
    for word in sorted(_known, key=len, reverse=True):
        content = content.replace(word.encode(), MASK.encode())
    for pattern in _IN_BYTES:
        content = pattern.sub(rb"\g<1>" + MASK.encode(), content)
    return content


def redact_logs() -> None:
    """Cut secrets out of every record of this process from now on. Twice is as good as once."""
    make = logging.getLogRecordFactory()
    if getattr(make, "redacts", False):
        return

    def make_redacted(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info:
            record.exc_text = redact(_FORMATTER.formatException(record.exc_info))
        return record

    make_redacted.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_redacted)


def _without_parts(text: str, word: str) -> str:
    """Where a long text was cut in the middle of a secret, its beginning or its end is left."""
    for length in range(len(word) - 1, _SHORTEST_PART - 1, -1):
        text = text.replace(word[:length] + _CUT, MASK + _CUT).replace(_CUT + word[-length:], _CUT + MASK)
    return text


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
