"""Secrets never reach output, evidence or a report: what is remembered here is cut out of every text.

The one registry of a process: a secret is remembered where it is read, long before anybody knows which text
will carry it, or how it will be spelled there.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qs, unquote, urlsplit

from harness.spelling import Needle, Span, found, needles

MASK = "‹secret›"

_SHORTEST_SECRET = 4  # cutting out shorter ones would make every text unreadable, and hide nothing
_SHORTEST_PART = 6
_SHORTEST_LINE = 8
_SHORT = 200
_known: set[str] = set()
_NAMES = "access_token|refresh_token|id_token|code_verifier|client_secret"
_SEEN_FIRST = tuple(
    re.compile(pattern.encode())
    for pattern in (
        rf"[?&#;](?:code|state|{_NAMES})=([^&#;\s\"'<>\\]+)",
        rf"\"(?:password|{_NAMES})\"\s*:\s*\"((?:[^\"\\]|\\[\s\S])+)",
        rf"'(?:password|{_NAMES})'\s*:\s*'((?:[^'\\]|\\[\s\S])+)",
        r"://[^\s:/@\"'<>]*:(?!password@)([^\s/@\"'<>]+)@",  # but for an example of ours
    )
)
"""Secret before anybody has read it: what OAuth keeps so, in URLs and JSON, and a URL's password."""
_SECRET_KEY = re.compile(rf"password|{_NAMES}", re.IGNORECASE)
_CUT = re.compile(rb"\.{3,}|\xe2\x80\xa6")
_MASK = re.compile(re.escape(MASK.encode()))
_KEYWORD = re.compile(r"\bpassword\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))", re.DOTALL)


def remember(secret: str) -> str:
    """Cut ``secret`` out of every text from now on, in every spelling; return it.

    So is the password in it where it is a URL or libpq's keywords, and each line where it has several.
    """
    text = secret.strip()
    lines = [line.strip() for line in text.splitlines() if not line.startswith("-----")]
    words = {text, *_passwords(text), *(line for line in lines if len(line) >= _SHORTEST_LINE)}
    _known.update(word for word in words if len(word) >= _SHORTEST_SECRET)
    return secret


def redact(text: str) -> str:
    """``text`` without any secret. Linear in its length."""
    cut = _redacted(text, frozenset(_known)) if len(text) <= _SHORT else _cut_out(text)
    return text if cut == text else cut


@functools.lru_cache(maxsize=4096)
def _redacted(text: str, _known: frozenset[str]) -> str:
    """Names and the like are told again and again."""
    return _cut_out(text)


def _cut_out(text: str) -> str:
    raw = text.encode("utf-8", "surrogatepass")
    cut = redact_bytes(raw)
    if cut is raw:
        return text
    try:
        return cut.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # a secret of odd bytes was half of a character
        return cut.decode("utf-8", "replace")


def redact_bytes(content: bytes) -> bytes:
    """``content`` without any secret; everything else stays as it is, whatever its encoding."""
    known = frozenset(_known)  # others may remember more meanwhile
    find = functools.partial(_secrets_in, *_looked_for(known))
    spans = sorted(set(found(content, find, in_forms=any(" " in word for word in known))))
    if not spans:
        return content
    masks = [match.span() for match in _MASK.finditer(content)]
    parts, at = [], 0
    for start, end in _merged(span for span in spans if not _within(span, masks)):
        parts += [content[at:start], MASK.encode()]
        at = end
    return b"".join([*parts, content[at:]])


def is_secret(key: str) -> bool:
    """Whether what a mapping has under ``key`` is a secret by its name alone."""
    return _SECRET_KEY.fullmatch(key) is not None


def _secrets_in(words: list[bytes], ways: list[Needle], raw: bytes, joined: bool) -> Iterator[Span]:
    """Secrets as they are: whole, cut short, or known by where they stand."""
    for needle in ways:
        if needle.text in raw:  # nearly never, and there are many
            yield from needle.found(raw)
    if cuts := [match.span() for match in _CUT.finditer(raw)]:
        for word in words:
            yield from _parts(raw, word, cuts)
    for pattern in () if joined else _SEEN_FIRST:
        for match in pattern.finditer(raw):
            yield match.span(1)


@functools.lru_cache(maxsize=2)
def _looked_for(known: frozenset[str]) -> tuple[list[bytes], list[Needle]]:
    as_text = {word.encode("utf-8", "surrogatepass") for word in known}
    as_bytes = {word.encode("utf-8", "surrogateescape") for word in known if _has_bytes(word)}
    words = sorted(as_text | as_bytes)
    return words, [needle for word in words for needle in needles(word)]


def _has_bytes(word: str) -> bool:
    """Whether bytes that are no UTF-8 were read into it, as from an environment variable."""
    try:
        word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _parts(raw: bytes, word: bytes, cuts: list[Span]) -> Iterator[Span]:
    """Where a long text was cut in the middle of a secret, its beginning or its end is left."""
    begins, ends = [start for start, _ in cuts], [end for _, end in cuts]
    for at, _ in Needle(word[:_SHORTEST_PART]).found(raw):
        nearest = bisect.bisect_left(begins, at + _SHORTEST_PART)
        if nearest < len(begins):
            end = begins[nearest]
            if end - at < len(word) and raw[at:end] == word[: end - at]:
                yield at, end
    for _, end in Needle(word[-_SHORTEST_PART:]).found(raw):
        nearest = bisect.bisect_right(ends, end - _SHORTEST_PART) - 1
        if nearest >= 0:
            at = ends[nearest]
            if end - at < len(word) and raw[at:end] == word[at - end :]:
                yield at, end


def _within(span: Span, masks: list[Span]) -> bool:
    """Whether a span is in what was cut out before, so that it is not cut again: a secret may be `secret`."""
    nearest = bisect.bisect_right(masks, (span[0], 1 << 62)) - 1
    return nearest >= 0 and span != masks[nearest] and span[1] <= masks[nearest][1]


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Sorted spans, those that overlap as one."""
    start = end = -1
    for first, last in spans:
        if first >= end:
            if end > start:
                yield start, end
            start, end = first, last
        end = max(end, last)
    if end > start:
        yield start, end


def _passwords(secret: str) -> set[str]:
    """Every password that ``secret`` may hold, as it was written and as it is meant."""
    words = [quoted or word for quoted, word in _KEYWORD.findall(secret)]
    words += [re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL) for word in words]
    if "://" in secret:
        _, _, rest = secret.partition("://")
        login, _, _ = rest.rpartition("@")  # what is wrongly written in it may hold any of /?#@
        words.append(login.partition(":")[2])
        try:
            parts = urlsplit(secret)
            words += [parts.password or "", *parse_qs(parts.query).get("password", [])]
        except ValueError:  # not a URL
            pass
    return {spelled for word in words for spelled in (word, unquote(word)) if word}
