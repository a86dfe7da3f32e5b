"""The ways in which a text is spelled on its way through others: escapes taken off, and where they stood.

What is looked for in a text may be in it as a URL, JSON, ``repr``, a shell or HTML write it, or one within
another. :func:`readings` gives the text as each of them reads it; what is found there is led back to where it
stands. Everything is bytes, so that text of any encoding is read, and costs are linear in the length.
"""

from __future__ import annotations

import base64
import bisect
import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

Span = tuple[int, int]
"""From where to where, the end left out."""
Find = Callable[[bytes, bool], Iterable[Span]]
"""Finds in one reading; the flag says whether broken lines were joined in it, which may join too much."""

_DEPTH = 2  # one within another; each more costs as much again for every way of writing
_SIMPLE = dict(zip(b"abefnrtv", b"\a\b\x1b\f\n\r\t\v", strict=True))
_URLSAFE = bytes.maketrans(b"+/", b"-_")
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")


@dataclass(frozen=True)
class Escapes:
    """One way of writing: what an escape looks like, and what it stands for."""

    begin: bytes
    """In every escape: a text without it has none."""
    pattern: re.Pattern[bytes]
    value: Callable[[re.Match[bytes]], bytes]
    joins: bool = False
    """Whether what is on either side of it may as well be apart."""

    def taken_off(self, raw: bytes) -> bytes:
        """``raw`` as it is read."""
        return self.pattern.sub(self.value, raw) if self.begin in raw else raw

    def led_back(self, raw: bytes, spans: Iterable[Span]) -> Iterator[Span]:
        """Where in ``raw`` stands what was read at ``spans``; half an escape is a whole one."""
        read, written, is_escape = [0], [0], [False]
        for match in self.pattern.finditer(raw):
            read.append(read[-1] + match.start() - written[-1])
            written.append(match.start())
            is_escape.append(True)
            read.append(read[-1] + len(self.value(match)))
            written.append(match.end())
            is_escape.append(False)
        for start, end in spans:
            first, last = (bisect.bisect_right(read, place) - 1 for place in (start, end - 1))
            yield (
                written[first] + (0 if is_escape[first] else start - read[first]),
                written[last + 1] if is_escape[last] else written[last] + end - read[last],
            )


def _by_backslash(match: re.Match[bytes], *, as_bytes: bool = False) -> bytes:
    units, point, byte, octal, other = match.groups()
    if units:
        words = units.replace(b"\\u", b"").decode()
        return bytes.fromhex(words).decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
    if other:
        return bytes([_SIMPLE.get(other[0], other[0])])
    number = int(point or byte, 16) if point or byte else int(octal, 8)
    if as_bytes and not point:
        return bytes([number & 0xFF])
    return chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else match[0]


def _by_html(match: re.Match[bytes]) -> bytes:
    return html.unescape(match[0].decode()).encode("utf-8", "surrogatepass")


_BACKSLASH = re.compile(
    rb"((?:\\u[0-9a-fA-F]{4})+)|\\(?:U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-7]{1,3})|([\x00-\xff]))"
)
_WAYS = (
    Escapes(b"%", re.compile(rb"%([0-9a-fA-F]{2})"), lambda match: bytes.fromhex(match[1].decode())),
    Escapes(b"\\", _BACKSLASH, _by_backslash),
    Escapes(b"&", re.compile(rb"&(?:#[xX]?[0-9a-fA-F]{1,9}|[A-Za-z][A-Za-z0-9]{1,31});"), _by_html),
    # What a shell has where quotes end for a quote within.
    Escapes(b"'", re.compile(rb"'\"'\"'|'\\''"), lambda _: b"'"),
    # A line that was broken, be it between literals that belong together.
    Escapes(b"\n", re.compile(rb"[\"']?\r?\n[ \t]*[\"']?"), lambda _: b"", joins=True),
)
_BYTES = Escapes(b"\\", _BACKSLASH, lambda match: _by_backslash(match, as_bytes=True))
_FORM = Escapes(b"+", re.compile(rb"\+|%([0-9a-fA-F]{2})"), lambda m: bytes.fromhex((m[1] or b"20").decode()))
"""A way of writing in which ``%`` is read, too: a form's, with ``+`` for a space."""
_HIGH_BYTE = re.compile(rb"\\(?:x[89a-fA-F]|[23][0-7]{2})")


def found(raw: bytes, find: Find, *, in_forms: bool = False) -> Iterator[Span]:
    """Where in ``raw`` is what ``find`` finds in any reading of it. It may be told more than once.

    :param in_forms: what is looked for may have spaces, which forms write as ``+``.
    """
    return _found(raw, find, (*_WAYS, _FORM) if in_forms else _WAYS, {raw: _DEPTH})


def _found(
    raw: bytes,
    find: Find,
    ways: Sequence[Escapes],
    known: dict[bytes, int],
    depth: int = _DEPTH,
    joined: bool = False,
) -> Iterator[Span]:
    yield from find(raw, joined)
    if not depth:
        return
    for way in chain(ways, [_BYTES] if _HIGH_BYTE.search(raw) else ()):
        read = way.taken_off(raw)
        if known.get(read, -1) < depth - 1:  # else it was read before, and as deep
            known[read] = depth - 1
            if spans := list(_found(read, find, ways, known, depth - 1, joined or way.joins)):
                yield from way.led_back(raw, spans)


@dataclass(frozen=True)
class Needle:
    """Bytes to look for, and whether a neighbour on either side has bits of what is looked for."""

    text: bytes
    before: bool = False
    after: bool = False

    def found(self, raw: bytes) -> Iterator[Span]:
        """Wherever it is in ``raw``; what overlaps is one after the other."""
        size, at = len(self.text), raw.find(self.text)
        while at >= 0:
            end = at + size
            yield (
                at - (self.before and at > 0 and raw[at - 1] in _BASE64),
                end + (self.after and end < len(raw) and raw[end] in _BASE64),
            )
            at = raw.find(self.text, at + 1)


def needles(word: bytes) -> Iterator[Needle]:
    """``word`` itself, and within whatever was made hexadecimal or base64 with others around it."""
    yield Needle(word)
    yield Needle(word.hex().encode())
    yield Needle(word.hex().upper().encode())
    for offset in range(3):
        code = base64.b64encode(bytes(offset) + word)
        begin, end = -(-offset * 8 // 6), (offset + len(word)) * 8
        text = code[begin : end // 6]
        for spelled in {text, text.translate(_URLSAFE)}:
            yield Needle(spelled, before=offset > 0, after=end % 6 > 0)
