"""Why a service did not start: the first error of its latest start, among what its journal has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.text import beginning

_SHORT = re.compile(r"\w{3} [ \d]\d [\d:.]+ \S+ ([^\s:]+?)(?:\[\d+\])?: ?(.*)")
"""A line of ``journalctl -o short-precise``."""
_START = ("Starting ", "Started ")
_ERROR = re.compile(
    r"(?:Error|Exception)\b(?: \[\w+\])?(?::|$)"
    r"|\[FATAL\]|FATAL ERROR|Segmentation fault|core dumped|\bpanic(?:ked)?\b"
    r"|Cannot find (?:module|package)|\bE(?:ADDRINUSE|ACCES|PERM|NOENT|MFILE|NOMEM|CONNREFUSED)\b"
    r"|^\S*node(?:js)?: |^(?:env|sh|bash)\b.*(?:not found|No such file)|^npm (?:ERR!|error)"
    r"|error while loading shared libraries|[Pp]ermission denied|Failed (?:to|at step) |oom-kill"
)
_WARNING = re.compile(r"^\(node:\d+\) |^\(Use `node --trace")
_CARET = re.compile(r"\^[\^~]*")
_PLACE = re.compile(r"(?:file://)?(/[^\s:]+:\d+)")
_BEFORE = 6
_SHOWN = 300
_LOOKED_AT = 2000


@dataclass(frozen=True)
class Said:
    """One line of a journal, and whether systemd says it of the unit."""

    text: str
    by_systemd: bool = False


def said_in(journal: str) -> list[Said]:
    """The lines of ``journalctl -o short`` and its kin."""
    found = ((_SHORT.fullmatch(line), line) for line in journal.split("\n") if line)
    return [Said(match[2], match[1] == "systemd") if match else Said(line) for match, line in found]


def first_error(lines: Sequence[Said]) -> str:
    """The first line that tells of an error since the latest start, with the place that stands before it.

    Empty where there is none. A start that has said nothing yet gives way to the one before.
    """
    for start in reversed(_starts(lines)):
        if found := _first_in(start):
            return found
        if any(not one.by_systemd for one in start):
            return ""
    return ""


def first_error_in(texts: Iterable[str]) -> str:
    """The same of what one program printed."""
    return _first_in([Said(text) for text in texts])


def _starts(lines: Sequence[Said]) -> list[Sequence[Said]]:
    """What was said from each start on; what came before the first one is a start that is not seen."""
    firsts = [n for n, one in enumerate(lines) if one.by_systemd and one.text.startswith(_START)]
    ends = [*firsts, len(lines)]
    return [lines[: ends[0]], *(lines[a:b] for a, b in zip(firsts, ends[1:], strict=True))]


def _first_in(lines: Sequence[Said]) -> str:
    after_caret = False
    for number, one in enumerate(lines):
        text = one.text[:_LOOKED_AT].strip()
        is_source = number + 1 < len(lines) and _is_caret(lines[number + 1].text)
        if text and not is_source and not _WARNING.match(text) and (after_caret or _ERROR.search(text)):
            before = (
                _PLACE.fullmatch(line.text.strip()) for line in lines[max(0, number - _BEFORE) : number]
            )
            place = next((match[1] for match in before if match), "")
            return beginning(text, _SHOWN) + (f" ({place})" if place else "")
        after_caret = _is_caret(text) or (after_caret and not text)
    return ""


def _is_caret(text: str) -> bool:
    """The mark below the line of a source that an error came from; behind it stands the error."""
    return bool(_CARET.fullmatch(text[:_LOOKED_AT].strip()))
