"""A profile and those it extends: each says only what is otherwise in it than in the one below."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from harness.errors import SiteError
from harness.site.patterns import is_found
from harness.site.reading import CannotReadError, read_text, shown

HINT = "docs/site-profile.md lists every field"
EXTENDS = "extends"
CHECKS = "checks"
_LARGEST = 1 << 20
_DEEPEST = 8
_PLACE = re.compile(r" \(at [a-z]+ [a-z]* ?[0-9]*(, column [0-9]+)?[a-z ]*\)$")
# One part of a key, and 20 of them: Python's parser takes time quadratic in their number.
_KEY = r"""("([^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_LONG_KEY = rf"({_KEY}[ \t]*\.[ \t]*){{20}}"


@dataclass(frozen=True)
class Layer:
    """One file: its text, and its table without what it extends."""

    path: Path
    text: str
    table: dict[str, Any]


def head_of(path: Path) -> str:
    """How a message about a profile begins."""
    return f"site profile {shown(path)}:"


def read_layers(path: Path) -> list[Layer]:
    """The profile, and then what it extends, the one that all rest on last.

    :raises SiteError: one of them cannot be read or is no TOML, or there is no end of them.
    """
    layers: list[Layer] = []
    seen: set[str] = set()
    named: Path | None = path
    while named is not None:
        layer, following = _layer(named, below=layers[-1].path if layers else None)
        real = os.path.realpath(named)
        if real in seen or len(layers) == _DEEPEST:
            why = "extends itself" if real in seen else f"extends more than {_DEEPEST - 1} others"
            raise SiteError(f"{head_of(path)} {why}", hint=f"mend {EXTENDS} in {shown(layers[-1].path)}")
        seen.add(real)
        layers.append(layer)
        named = following
    return layers


def laid_over(layers: Sequence[Layer]) -> dict[str, Any]:
    """The table in force: tables are joined field by field, all else is replaced whole."""
    return reduce(_joined, [layer.table for layer in reversed(layers)])


def line_of(name: str, layers: Sequence[Layer]) -> str:
    """Where a name stands, ``in line 3`` or ``in line 3 of base.toml``; nothing where it is not found."""
    for place, layer in enumerate(layers):
        for number, line in enumerate(layer.text.splitlines(), 1):
            if name in line:
                return f"in line {number}{f' of {shown(layer.path)}' if place else ''}"
    return ""


def _joined(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: _joined(under[key], value) if isinstance(value, dict) and isinstance(under[key], dict) else value
        for key, value in over.items()
        if key in under
    }
    return {**under, **over, **both}


def _layer(path: Path, *, below: Path | None) -> tuple[Layer, Path | None]:
    """A file, and the one that it extends; ``below``: the one that named it."""
    head = head_of(path)
    try:
        text = read_text(path, limit=_LARGEST)
    except CannotReadError as error:
        hint = (
            f"mend {EXTENDS} in {shown(below)}: a relative path begins at that file"
            if below
            else "--site=FILE, or ACCEPTANCE_SITE, must name an existing file"
        )
        raise SiteError(f"{head} {error}", hint=hint) from None
    table = _table(text, head)
    if isinstance(folders := table.get(CHECKS), list):
        table[CHECKS] = [_placed(one, path) for one in folders]
    return Layer(path, text, table), _extended(table.pop(EXTENDS, None), path)


def _placed(folder: object, path: Path) -> object:
    """A folder beside the profile that names it; what is no path yet is left to whoever validates it."""
    is_relative = isinstance(folder, str) and folder.strip() and not folder.startswith(("/", "~"))
    # As a text: a path would make of a connection string what nobody knows for one any more.
    return f"{path.absolute().parent}/{folder}" if is_relative else folder


def _extended(given: object, path: Path) -> Path | None:
    if given is None or given == "none":
        return None
    try:
        if isinstance(given, str) and given.strip():
            return path.parent / Path(given).expanduser()
    except RuntimeError:  # ~ and the name of a user whom this machine does not have
        pass
    raise SiteError(f"{head_of(path)} {EXTENDS}: expected the path of another profile, in quotes", hint=HINT)


def _table(text: str, head: str) -> dict[str, Any]:
    if is_found(_LONG_KEY, text):
        raise SiteError(
            f"{head} not a profile: a key of many parts, and none here has more than two", hint=HINT
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SiteError(
            f"{head} not TOML: {_without_quotes(str(error))}", hint="mend the line it names"
        ) from None
    except RecursionError:
        why = "lists or tables within one another, deeper than can be read"
    except ValueError:
        why = "a number with too many digits"
    raise SiteError(f"{head} not a profile: {why}", hint=HINT)


def _without_quotes(said: str) -> str:
    """What is wrong and where, without what stands there: that may be a secret."""
    place = _PLACE.search(said)
    where = place[0] if place else ""
    return re.sub(r"[\"'(].*[\"')]", "…", said.removesuffix(where), flags=re.DOTALL) + where
