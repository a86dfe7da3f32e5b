"""Rows as an aligned table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

WIDEST = 60


def aligned(rows: Sequence[Mapping[str, Any]]) -> str:
    """A heading and a line per row, indented; empty without rows."""
    if not rows:
        return ""
    lines = [list(rows[0]), *([_shown(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  " + "  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _shown(value: object) -> str:
    """One cell on one line, whatever a row holds."""
    text = "NULL" if value is None else "".join(c if c.isprintable() else "�" for c in str(value))
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
