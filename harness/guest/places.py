"""A place in the agent's source, and the lines around it for a message: all that its source is read for."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from harness.answers import read_as
from harness.infra.secret_values import without_secrets
from harness.text import beginning
from harness.values import natural
from harness.vm.machine import Vm

_AROUND = 2
_LONGEST_LINE = 200
_MOST = 24
_READ_S = 60.0
_MARK = "=== acceptance place"


@dataclass(frozen=True)
class Place:
    """Lines and columns are counted from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def read_place(told: object, *, whose: str) -> Place | None:
    """A place as a process tells it; None where it knows none.

    :raises UnreadableError: it is none.
    """
    if told is None:
        return None
    row = read_as(dict[str, Any], told, whose=whose)
    return Place(
        path_of(read_as(str, row.get("file"), whose=whose)),
        natural(str(row.get("line")), whose=whose),
        natural(str(row.get("column")), whose=whose),
    )


def path_of(url: str) -> str:
    """The file that a script's URL names; what names none stays as it is."""
    return unquote(url.removeprefix("file://")) if url.startswith("file:///") else url


def lines_around(vm: Vm, places: Iterable[Place]) -> Mapping[Place, str]:
    """The lines around each place, as they lie in the guest now; a place that cannot be shown is left out.

    :raises TransportError: the guest cannot be asked.
    """
    wanted = [place for place in dict.fromkeys(places) if place.file.startswith("/")][:_MOST]
    if not wanted:
        return {}
    told = vm.script("\n".join(map(_shown, wanted)), timeout_s=_READ_S).stdout
    parts = told.split(f"{_MARK}\n")[1:]
    shown = (without_secrets(text.rstrip("\n")) for text in parts)
    return {place: text for place, text in zip(wanted, shown, strict=False) if text.strip()}


def _shown(place: Place) -> str:
    """Shell that prints them, numbered; of a bundle's one long line what is around the column."""
    first, last = max(1, place.line - _AROUND), place.line + _AROUND
    left = max(1, place.column - _LONGEST_LINE // 2)
    program = (
        f"NR > {last} {{ exit }} NR >= {first} {{ from = length($0) > {_LONGEST_LINE} && NR == {place.line} "
        f'? {left} : 1; printf "    %s%5d  %s\\n", NR == {place.line} ? ">" : " ", NR, '
        f"substr($0, from, {_LONGEST_LINE}) }}"
    )
    shown = f"awk {shlex.quote(program)} {shlex.quote(place.file)} 2>/dev/null"
    return f"printf '%s\\n' {shlex.quote(_MARK)}\n{shown}"


def told_with(place: Place | None, sources: Mapping[Place, str]) -> str:
    """A place for a message, with its lines where there are any."""
    if place is None:
        return "(at a place that is not known)"
    lines = beginning(sources.get(place, ""), _LONGEST_LINE * (2 * _AROUND + 2))
    return f"{place}\n{lines}" if lines else str(place)
