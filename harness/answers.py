"""What a site answers, read: a value comes of it, or an error that names who said what, and nothing else.

JSON is read by :func:`read_json`, a structure by :func:`read_as`; what has to be taken apart by hand is so
under :func:`reading`. No answer makes a ``KeyError`` or a ``RecursionError``: those are faults of ours.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from harness.errors import UnreadableError
from harness.text import beginning, decoded

T = TypeVar("T")

LARGEST = 64 << 20
"""Bytes or characters of JSON that are read."""
DEEPEST = 100
"""Lists and objects within one another; whoever prints or walks an answer recurses as deep."""
_MOST_DIGITS = 20
"""Of a whole number: as many as 64 bits need, so that it can be reckoned with."""
_SHOWN = 120
_SHOWN_FAULTS = 3


def read_json(text: str | bytes, *, whose: str, unique: bool = False, raw: bool = False) -> Any:
    """JSON of somebody else's: UTF-8, of bounded size and depth, its numbers finite and of 64 bits.

    :param whose: what answered, for the message.
    :param unique: an object that has a name twice is refused, where else the last one counts.
    :param raw: control characters may stand in a text as they are.
    :raises UnreadableError: it is none.
    """
    if len(text) > LARGEST:
        raise UnreadableError(f"{whose}: {len(text)} bytes of JSON; at most {LARGEST} are read")
    try:
        value = json.loads(
            text.decode() if isinstance(text, bytes) else text,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_no_number,
            object_pairs_hook=_once if unique else None,
            strict=not raw,
        )
    except RecursionError:
        why = f"nested more than {DEEPEST} deep"
    except ValueError as error:
        why = str(error)
    else:
        if not _is_deep(value):
            return value
        why = f"nested more than {DEEPEST} deep"
    raise UnreadableError(f"{whose}: not JSON: {beginning(why, _SHOWN)}: {_start(text)!r}")


def read_as(kind: type[T], value: object, *, whose: str) -> T:
    """A value of a given type, as pydantic reads it.

    :raises UnreadableError: it is none; with the first places that are wrong.
    """
    try:
        adapter: TypeAdapter[T] = _adapter(kind)  # type: ignore[arg-type] # a type is hashable
        return adapter.validate_python(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
    shown = [f"{'.'.join(map(str, one['loc'])) or 'all of it'}: {one['msg']}" for one in faults]
    more = f" and {len(shown) - _SHOWN_FAULTS} more" if len(shown) > _SHOWN_FAULTS else ""
    told = "; ".join(beginning(one, _SHOWN) for one in shown[:_SHOWN_FAULTS])
    raise UnreadableError(f"{whose} cannot be understood: {told}{more}")


@contextlib.contextmanager
def reading(whose: str) -> Iterator[None]:
    """An answer is taken apart here: where it is not what it should be, that is no fault of ours.

    :raises UnreadableError: it is not.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise UnreadableError(
            f"{whose} cannot be understood: {type(error).__name__}: {beginning(str(error), _SHOWN)}"
        ) from error


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _start(text: str | bytes) -> str:
    return beginning(decoded(text) if isinstance(text, bytes) else text, _SHOWN)


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(text)} characters")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"a number without bounds: {text[:_MOST_DIGITS]}")
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"the name {beginning(twice, _SHOWN)!r} is there twice")
    return found


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for one in level if isinstance(one, dict | list) for inner in _inner(one)]
        if not level:
            return False
    return True


def _inner(one: dict[str, Any] | list[Any]) -> Iterator[Any]:
    return iter(one.values() if isinstance(one, dict) else one)
