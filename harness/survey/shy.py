"""What of a site's words is not to be shown, though nobody said that it is a secret."""

from __future__ import annotations

import re

_NAMES = re.compile(r"passw|secret|token|key|bearer|authorization|credential|://\S*@", re.IGNORECASE)
_DRAWN = re.compile(r"(?<![\w./-])(?=\S*[0-9])(?=\S*[A-Za-z])[\w.+=-]{16,}")
"""A long word of letters and digits that is no path."""


def names_secret(text: str) -> bool:
    """Whether it speaks of a secret, or has a login in it."""
    return _NAMES.search(text) is not None


def may_be_secret(text: str) -> bool:
    """Whether it does, or has a word that looks like one."""
    return names_secret(text) or _DRAWN.search(text) is not None
