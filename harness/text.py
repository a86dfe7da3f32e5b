"""Text that is not ours: what a site says is data, and never an instruction to a terminal.

Two doors. :func:`decoded` lets bytes in and loses nothing: what names a file names it still. :func:`plain`
lets text out, to a terminal, a report or a file: it is valid UTF-8, and whatever would move a cursor, hide a
word or turn its direction is seen as what it is.
"""

from __future__ import annotations

import re
import unicodedata

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Control, format (bidirectional and zero-width among them), surrogate, private, unassigned, separators."""
_SUSPECT = re.compile(r"[^\n\t\x20-\x7e]")
_COLOUR = re.compile(r"\x1b\[[0-9;:]*[A-Za-z]")


def decoded(raw: bytes) -> str:
    """Bytes of a site as text: UTF-8, and a byte that is none as a lone surrogate, as Python has file names.

    ``encoded(decoded(raw)) == raw`` for every ``raw``.
    """
    return raw.decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    """The bytes that ``text`` was decoded from; a surrogate that stands for no byte is written out."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return plain(text).encode()


def plain(text: str) -> str:
    """``text`` as it may be shown: valid UTF-8, invisible characters written out (``\\x1b``, ``\\u202e``).

    Line feeds and tabs stay. Linear in the length.
    """
    return _SUSPECT.sub(_seen, text)


def one_line(text: str) -> str:
    """``text`` as it may be shown within a line: line feeds and tabs are written out too."""
    return plain(text).replace("\n", "\\n").replace("\t", "\\t")


def uncoloured(text: str) -> str:
    """``text`` without what colours it on a terminal; some loggers capitalize the letter at its end, too."""
    return _COLOUR.sub("", text)


def beginning(text: str, size: int) -> str:
    """The first characters of a text, for a message: what was left out shows, and so does half a secret."""
    return text if len(text) <= size else f"{text[:size]}…"


def ending(text: str, size: int) -> str:
    """The last characters of a text, for a message: what was left out shows, and so does half a secret."""
    return text if len(text) <= size else f"…{text[-size:]}"


def _seen(match: re.Match[str]) -> str:
    character = match[0]
    if unicodedata.category(character) not in _HIDDEN:
        return character
    point = ord(character)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
