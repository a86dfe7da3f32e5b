"""What a look at a host comes to: a field's value and where it was seen, or what to look for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST_NAMED = 4
"""So many candidates are named; of more, the rest is counted."""


@dataclass(frozen=True)
class Found:
    """A value, and where it was seen."""

    value: object
    seen: str


@dataclass(frozen=True)
class Open:
    """Nothing tells the value for sure: ``look`` says what to look for, and what there is."""

    look: str


Answer = Found | Open
Answers = Mapping[str, Answer]
"""By the field's name."""
Draft = Mapping[str, Answers]
"""By the table's name; the top level's is empty."""


def the_one(candidates: Iterable[Found], look: str) -> Answer:
    """The one value that all of them have; where they differ, that is open, and each of them is named."""
    found: dict[object, Found] = {}
    for one in candidates:
        found.setdefault(_key(one.value), one)
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        return Open(look)
    named = [f"{one.value} ({one.seen})" for one in found.values()]
    return Open(f"{look}; there are {several(named)}")


def several(named: list[str]) -> str:
    """Some of them by name, and how many more there are."""
    more = len(named) - MOST_NAMED
    return ", ".join(named[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def value_of(answers: Answers, field: str) -> object:
    """A field's value; None where it is open, or was not looked for."""
    one = answers.get(field)
    return one.value if isinstance(one, Found) else None


def _key(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
