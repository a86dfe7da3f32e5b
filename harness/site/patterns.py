"""Regular expressions of a profile, on text of a site: matched by RE2, in time linear in the text.

Python's own ``re`` tries every way to match, and for some patterns their number is beyond counting: one
line of a journal could stop a run for ever. RE2 has the same syntax but for what needs such trying:
references back, and looking ahead or behind.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from harness.text import decoded, encoded, one_line

LONGEST = 1000
"""Characters of a pattern."""
LARGEST = 5000
"""Instructions of a pattern's program: what ``{100}`` repeats counts a hundred times."""

_NONSENSE = "~ Qzxv 4711 jklw ~"
"""Text that nobody looks for: a pattern found here is found everywhere."""


def is_found(pattern: str, text: str) -> bool:
    """Whether ``pattern`` matches anywhere in ``text``."""
    return _compiled(pattern).search(encoded(text)) is not None


def is_wholly(pattern: str, text: str) -> bool:
    """Whether ``pattern`` matches all of ``text``."""
    return _compiled(pattern).fullmatch(encoded(text)) is not None


def all_found(pattern: str, text: str) -> list[str]:
    """What ``pattern`` matches in ``text``, from left to right."""
    return [decoded(found.group()) for found in _compiled(pattern).finditer(encoded(text))]


def fault_of(pattern: str) -> str:
    """Why ``pattern`` cannot be used; empty where it can."""
    if len(pattern) > LONGEST:
        return f"expected a pattern of at most {LONGEST} characters"
    try:
        program = _compiled(pattern)
    except re2.error as error:
        said = error.args[0] if error.args else b""
        why, _, _ = (decoded(said) if isinstance(said, bytes) else str(said)).partition(":")
        return f"not a regular expression as RE2 has them: {one_line(why)}"
    if program.programsize > LARGEST:
        return f"too large a pattern: {program.programsize} instructions, and at most {LARGEST} are taken"
    if program.search(encoded(_NONSENSE)) is not None:
        return "matches any text, so that nothing would be told apart"
    return ""


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False  # else it writes to standard error itself
    return re2.compile(encoded(pattern), options)
