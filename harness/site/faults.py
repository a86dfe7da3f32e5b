"""What is wrong with a profile, field by field, in words that quote nothing that may be a secret."""

from __future__ import annotations

import datetime
import difflib
import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from harness.site.kinds import Untold, looks_secret, marked
from harness.site.layers import Layer, line_of
from harness.site.profile import Section, Site
from harness.text import one_line

MOST = 10
"""So many faults are told in full."""

_QUOTED = 60
_LARGE = 10**18
_PLAIN_NAME = re.compile(r"_?([A-Za-z]+|[A-Za-z]?[0-9]{1,5})([._-]([A-Za-z]+|[A-Za-z]?[0-9]{1,5}))*")
"""Words and short numbers: neither a password nor a key to anything looks like that, as a rule."""
_KEY = "[key]"
"""So pydantic says that it is a name in a table which is at fault, and not what it stands for."""
_TABLES = ("dict_type", "model_type")
_EXPECTED = {
    "string_type": "expected a text in quotes",
    "path_type": "expected a path in quotes",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "finite_number": "expected a number that has an end",
    "bool_type": "expected true or false",
    "tuple_type": "expected a list",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "literal_error": "expected {expected}",
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected {ge} or more",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected {le} or less",
    "too_short": "expected at least {min_length}",
    "too_long": "expected at most {max_length}",
    "missing": "required, and not given",
}


def faults_of(error: ValidationError, layers: Sequence[Layer]) -> list[str]:
    """A line for each fault, in the order of the profile's fields.

    :param layers: the profile, to say in which line a name stands that is not shown.
    """
    return [
        _fault(item, layers) if place < MOST else ""
        for place, item in enumerate(error.errors(include_url=False))
    ]


def _fault(item: Mapping[str, Any], layers: Sequence[Layer]) -> str:
    where, kind = tuple(item["loc"]), str(item["type"])
    name = _named(where, layers)
    if kind == "extra_forbidden":
        return f"{name}: no such field{_meant(where)}"
    context = item.get("ctx", {})
    if kind == "value_error":
        said = str(context["error"])
    else:
        said = _EXPECTED[kind].format_map(context) if kind in _EXPECTED else str(item["msg"])
    of_table = isinstance(item["input"], Mapping) and not said.startswith("expected")
    return f"{name}: {said}{'' if kind == 'missing' or of_table else _seen(where, kind, item['input'])}"


def _seen(where: tuple[int | str, ...], kind: str, found: object) -> str:
    """What was found, where that may be told."""
    if found == "":
        return ""
    field = _field(where)
    # In the place of a table, of a list of them, or of what is beside these, may stand what belongs into one.
    beside = len(where) == 1 and where != ("name",)
    whole = kind in _TABLES or (beside and (kind == "tuple_type" or isinstance(found, str)))
    untold = field is None or marked(field, Untold) or where[-1] == _KEY or whole
    return f", found {'something that is not shown: it may be a secret' if untold else _told(found)}"


def _told(found: object) -> str:
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, int | float):
        return f"{found}" if abs(found) < _LARGE or isinstance(found, float) else "a number far too large"
    if isinstance(found, str):
        if "@" in found or looks_secret(found):
            return "a text that is not shown: it may hold a secret"
        text = one_line(found[:_QUOTED])
        return f"'{text}'" if len(found) <= _QUOTED else f"'{text}…' ({len(found)} characters)"
    if isinstance(found, datetime.date | datetime.time):
        return "a date or time without quotes"
    return "a table" if isinstance(found, Mapping) else "a list" if isinstance(found, Sequence) else "nothing"


def _named(where: tuple[int | str, ...], layers: Sequence[Layer]) -> str:
    """A field's full name. What the operator has named himself is shown where it cannot be a secret."""
    words = [
        str(part) if isinstance(part, int) or _is_known(where[: place + 1]) else _own_name(part, layers)
        for place, part in enumerate(where)
        if part != _KEY
    ]
    return ".".join(words) or "top level"


def _own_name(name: str, layers: Sequence[Layer]) -> str:
    if len(name) <= _QUOTED and _PLAIN_NAME.fullmatch(name):
        return name
    line = line_of(name, layers)
    return f"(a name that is not shown{f', {line}' if line else ''})"


def _is_known(where: tuple[int | str, ...]) -> bool:
    model = _model(where[:-1])
    return model is not None and where[-1] in model.model_fields


def _field(where: tuple[int | str, ...]) -> FieldInfo | None:
    """The field that a fault is in; None for a whole table, and for what is no field."""
    for length in range(len(where), 0, -1):
        model, name = _model(where[: length - 1]), where[length - 1]
        if model is not None and name in model.model_fields:
            field = model.model_fields[str(name)]
            return None if _model(where[:length]) else field
    return None


def _model(where: tuple[int | str, ...]) -> type[Section] | None:
    """The model of a table."""
    if not where:
        return Site
    field = Site.model_fields.get(str(where[0])) if len(where) <= 2 else None
    kind = field.annotation if field else None
    if len(where) == 2:  # a table in a list of them
        (kind, *_) = (typing.get_args(kind) if isinstance(where[1], int) else ()) or (None,)
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _meant(where: tuple[int | str, ...]) -> str:
    model, name = _model(where[:-1]), where[-1]
    if model is None or not isinstance(name, str) or len(name) > _QUOTED:
        return ""
    alike = difflib.get_close_matches(name.lower(), model.model_fields, n=1, cutoff=0.8)
    return f"; {alike[0]} is meant?" if alike else ""
