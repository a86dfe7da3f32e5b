"""What ``systemctl show`` prints, property by property, in time that grows with the text and no faster.

A property is a line, or a command to start, whose arguments may hold newlines as they are: that one goes on
to the first line that ends as a command does, and is a line where none does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

_NAME = re.compile(r"([A-Za-z0-9]+)=")
_COMMAND = "{ path="
_STATUS, _END = " ; status=", " }"


class Shown(NamedTuple):
    """One property as it is shown, or a line that is none."""

    name: str
    """Empty for what is no property."""
    value: str
    at: int
    """Where it begins in the text."""


def shown(text: str) -> list[Shown]:
    """All that is in a text, in its order."""
    lines = text.split("\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    ends = _ends(lines)
    found, number = [], 0
    while starts[number] < len(text):
        line, last = lines[number], number
        name = _NAME.match(line)
        begins = name.end() if name else 0
        if name and line.startswith(_COMMAND, begins):
            last = ends[number] or number
        value = "\n".join([line[begins:], *lines[number + 1 : last + 1]])
        found.append(Shown(name[1] if name else "", value, starts[number]))
        number = last + 1
    return found


def _ends(lines: Sequence[str]) -> list[int]:
    """For each line, and past the last: the first from there on that ends a command; 0 for none."""
    ends = [0] * (len(lines) + 1)
    for number in range(len(lines) - 1, -1, -1):
        is_end = _STATUS in lines[number] and lines[number].endswith(_END)
        ends[number] = number if is_end else ends[number + 1]
    return ends
