"""How much of what a run has to tell is told: the beginning, and how much more there is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import TypeVar

from harness.outward import told_value, words_of

MOST_LINES = 1000
MOST_CHARACTERS = 200_000
MOST_ENTRIES = 1000
"""Of a list in ``verdict.json``."""

One = TypeVar("One")

_DEEPEST = 30
_MOST_VALUES = 200_000


def bounded(text: str, *, lines: int = MOST_LINES) -> str:
    """The beginning of a text, and how much more there is."""
    head = text[:MOST_CHARACTERS].split("\n")
    more = text.count("\n") + 1 - len(head[:lines])
    if more:
        return "\n".join([*head[:lines], f"… and {more} more lines"])
    cut = len(text) - MOST_CHARACTERS
    return text if cut <= 0 else f"{text[:MOST_CHARACTERS]}… and {cut} more characters"


def json_text(value: object) -> str:
    """A value as JSON that every reader takes, by the door out, a line at its end.

    What is nested too deep, or too much, is ``…``.
    """
    content = told_value(_Trimming().value(value))
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


class _Trimming:
    """One value on its way out: so many values, and no more, whatever a list says of itself."""

    def __init__(self) -> None:
        self.left = _MOST_VALUES

    def value(self, value: object, depth: int = 0) -> object:
        """The value in Python's own containers."""
        self.left -= 1
        if self.left < 0 or depth > _DEEPEST:
            return "…"
        try:
            if isinstance(value, Mapping):
                return {words_of(key): self.value(one, depth + 1) for key, one in self._some(value.items())}
            if isinstance(value, Sequence | Set) and not isinstance(
                value, str | bytes | bytearray | memoryview
            ):
                return [self.value(one, depth + 1) for one in self._some(value)]
        except Exception:  # noqa: BLE001 - it may be anything that calls itself a list
            return words_of(value)
        return value

    def _some(self, many: Iterable[One]) -> Iterator[One]:
        return islice(many, max(self.left, 0) + 1)
