"""How much of a text a page shows; ``verdict.json`` and the evidence have more of it."""

from __future__ import annotations

from harness.text import beginning
from harness.verdict.bounds import bounded

LONGEST = 20_000
_MOST_LINES = 200


def short(text: str) -> str:
    """The beginning, and that there is more."""
    return beginning(bounded(text, lines=_MOST_LINES), LONGEST)
