"""The one door out: to a terminal, a report, a log or a file goes text without secrets, and plain.

What is written as JSON is told before that: secrets are cut out of values, and never out of a document.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from itertools import chain
from typing import Any

from harness.redact import MASK, is_secret, redact, redact_bytes
from harness.text import decoded, plain

_DEEPEST = 100  # what is nested deeper is not written: no reader of JSON would read it
_LONGEST_NUMBER = 1 << 10  # bits; of longer ones Python writes no decimals
_BETWEEN = "\n\x1e\n"  # a line ends, and ASCII's record separator keeps it from being joined to the next
_FORMATTER = logging.Formatter()


def told(text: str) -> str:
    """``text`` as it may be shown to anybody. Telling it again changes nothing."""
    return _shown(redact(text))


def _shown(text: str) -> str:
    """Plain, and a line ends as ours do, be it a console's or a protocol's."""
    return plain(text.replace("\r\n", "\n"))


def told_each(texts: Sequence[str]) -> list[str]:
    """Each of ``texts`` told. Many are told at once, which takes a fraction of the time."""
    together = redact(_BETWEEN.join(texts)).split(_BETWEEN)
    return [*map(_shown, together)] if len(together) == len(texts) else [*map(told, texts)]


def told_bytes(content: bytes) -> bytes:
    """``content`` without secrets; plain where it is text, and what is no UTF-8 stays as it is."""
    cut = redact_bytes(content)
    try:
        return _shown(cut.decode()).encode()
    except UnicodeDecodeError:
        return cut


def told_value(value: object, *, ours: Collection[str] = (), depth: int = _DEEPEST) -> Any:
    """``value`` in JSON's types, every text in it told; what JSON does not know is told as its text.

    :param ours: words of this project: a key or a text that is one of them stays.
    """
    if isinstance(value, str):
        return value if value in ours else told(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _told_number(value)
    if not depth:
        return "…"
    try:
        if isinstance(value, Mapping):
            return _told_mapping(value, ours, depth)
        if isinstance(value, Sequence | Set) and not isinstance(value, bytes | bytearray | memoryview):
            return [told_value(one, ours=ours, depth=depth - 1) for one in value]
    except Exception:  # noqa: BLE001 - anything may call itself a list
        return told(words_of(value))
    return told(words_of(value))


def words_of(thing: object) -> str:
    """Any object as text, also one that cannot be made one."""
    try:
        return decoded(bytes(thing)) if isinstance(thing, bytes | bytearray) else str(thing)
    except Exception as error:  # noqa: BLE001 - it is an object of anybody's
        return f"{type(thing).__name__}, of which nothing can be told: {type(error).__name__}"


def each_text(value: Any, change: Callable[[str], str], *, depth: int = _DEEPEST) -> Any:
    """``value`` with every text in Python's own containers changed; ``value`` itself where none is."""
    kind = type(value)
    if kind is str:
        changed = change(value)
        return value if changed == value else changed
    if kind not in (list, tuple, set, frozenset, dict) or not depth:
        return value
    parts = list(chain(*value.items()) if kind is dict else value)
    changed_parts = [each_text(part, change, depth=depth - 1) for part in parts]
    if all(one is other for one, other in zip(parts, changed_parts, strict=True)):
        return value
    return (
        dict(zip(changed_parts[::2], changed_parts[1::2], strict=True))
        if kind is dict
        else kind(changed_parts)
    )


def redact_logs() -> None:
    """Let every record of this process out by this door from now on. Twice is as good as once."""
    make = logging.getLogRecordFactory()
    if getattr(make, "redacts", False):
        return

    def make_told(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        record.name = told(record.name)
        record.msg, record.args = told(_message(record)), None
        if record.exc_info:
            record.exc_text = told(_FORMATTER.formatException(record.exc_info))
        if record.stack_info:
            record.stack_info = told(record.stack_info)
        return record

    make_told.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_told)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - words that do not fit their arguments, as logging itself takes it
        return f"{record.msg!s} {record.args!r} ({type(error).__name__}: {error})"


def _told_number(number: float) -> float | str:
    if isinstance(number, float):
        return number if math.isfinite(number) else str(number)  # JSON has neither infinity nor NaN
    if number.bit_length() > _LONGEST_NUMBER:
        return hex(number)
    text = str(number)
    return number if redact(text) == text else MASK


def _told_mapping(value: Mapping[Any, object], ours: Collection[str], depth: int) -> dict[str, object]:
    """Keys stay apart, also those of which nothing is left."""
    result: dict[str, object] = {}
    for key, one in value.items():
        name = wanted = told_value(words_of(key), ours=ours)
        number = 1
        while name in result:
            number += 1
            name = f"{wanted} ({number})"
        hidden = isinstance(one, str) and one and is_secret(words_of(key))
        result[name] = MASK if hidden else told_value(one, ours=ours, depth=depth - 1)
    return result
