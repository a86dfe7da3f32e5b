"""What leaves the suite, in a file or on a terminal: without secrets, harmless to who reads it, and bounded.

Nothing here raises, whatever it is given: an answer of a site is not to cost a run its verdict.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from itertools import islice
from typing import TypeVar

from harness.redact import MASK, redact
from harness.text import decoded, plain

MOST_LINES = 1000
MOST_CHARACTERS = 200_000
MOST_ENTRIES = 1000
"""Of a list in ``verdict.json``."""

One = TypeVar("One")

_DEEPEST = 30
_MOST_VALUES = 200_000
_WIDEST_INTEGER = 63  # bits: what readers of JSON agree about


def told(text: str) -> str:
    """A text as it may be seen by anybody."""
    return plain(redact(text))


def bounded(text: str, *, lines: int = MOST_LINES) -> str:
    """The beginning of a text, and how much more there is."""
    head = text[:MOST_CHARACTERS].split("\n")
    more = text.count("\n") + 1 - len(head[:lines])
    if more:
        return "\n".join([*head[:lines], f"… and {more} more lines"])
    cut = len(text) - MOST_CHARACTERS
    return text if cut <= 0 else f"{text[:MOST_CHARACTERS]}… and {cut} more characters"


def words_of(thing: object) -> str:
    """Any object as text, also one that cannot be made one."""
    try:
        return thing if type(thing) is str else str(thing)
    except Exception as error:  # noqa: BLE001 - it is an object of anybody's
        return f"<{type(thing).__name__}, which cannot be told: {type(error).__name__}>"


def json_text(value: object) -> str:
    """A value as JSON that every reader takes, a line at its end.

    What JSON does not have is its text: ``nan``, bytes, long integers, objects. What is nested too deep, or
    too much, is ``…``.
    """
    return json.dumps(_Telling().value(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


class _Telling:
    """One value on its way out."""

    def __init__(self) -> None:
        self.left = _MOST_VALUES

    def value(self, value: object, depth: int = 0) -> object:
        self.left -= 1
        if self.left < 0 or depth > _DEEPEST:
            return "…"
        try:
            return self._known(value, depth)
        except Exception:  # noqa: BLE001 - it may be anything that calls itself a list
            return told(words_of(value))

    def _known(self, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return _integer(int(value))
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(float(value))
        if isinstance(value, str):
            return bounded(told(value))
        if isinstance(value, bytes | bytearray | memoryview):
            return bounded(told(decoded(bytes(value))))
        if isinstance(value, Mapping):
            return {self._key(key): self._entry(key, one, depth) for key, one in self._some(value.items())}
        if isinstance(value, Sequence | Set):
            return [self.value(one, depth + 1) for one in self._some(value)]
        return bounded(told(words_of(value)))

    def _some(self, many: Iterable[One]) -> Iterator[One]:
        return islice(many, max(self.left, 0) + 1)

    def _key(self, key: object) -> str:
        return bounded(told(words_of(key)))

    def _entry(self, key: object, value: object, depth: int) -> object:
        return MASK if isinstance(value, str) and _hides(words_of(key)) else self.value(value, depth + 1)


@lru_cache(maxsize=1000)
def _hides(key: str) -> bool:
    """Whether what stands under this key is a secret, whatever it is."""
    return MASK in redact(f'"{key}": "something"')


def _integer(number: int) -> int | str:
    if number.bit_length() <= _WIDEST_INTEGER:
        return number
    return str(number) if number.bit_length() < 10_000 else bounded(hex(number))
