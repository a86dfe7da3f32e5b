"""The names by which a check is called: in a profile's ``not_applicable``, and by those who expect it red."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

LAYERS = ("host", "guest", "db", "session")
"""Folders of ``tests/`` that hold checks; the first part of a check's name."""

GOLDEN, SESSION = "golden", "session"
GUESTS = (GOLDEN, SESSION)
"""The guests that checks which only look are asked of: a clone of the golden snapshot, and the VM of the
session that the run launches. Each is a row of such a check, or stands before its row."""


def names_of(check: str) -> tuple[str, ...]:
    """Every name that stands for a check: its own first, then those that stand for others, too.

    >>> names_of("host.bridge_up")
    ('host.bridge_up',)
    >>> names_of("guest.unit[session-After]")
    ('guest.unit[session-After]', 'guest.unit[session]', 'guest.unit[After]', 'guest.unit')
    """
    base, _, row = check.removesuffix("]").partition("[")
    guest, _, rest = row.partition("-")
    apart = [f"{base}[{guest}]", f"{base}[{rest}]"] if rest and guest in GUESTS else []
    return tuple(dict.fromkeys([check, *apart, base]))


def unknown_names(names: Collection[str], declared: Collection[str], tests: Path) -> list[str]:
    """The names that no check has: neither one that was collected, nor one in a file that was not.

    :param tests: the folder of all checks.
    """
    known = {name for check in declared for name in names_of(check)}
    collected = {name.partition("[")[0] for name in declared}
    written = {
        f"{layer}.{function}"
        for layer in LAYERS
        for path in (tests / layer).glob("test_*.py")
        for function in re.findall(r"^(?:async )?def test_(\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    return sorted(name for name in set(names) - known if not _may_be(name, collected, written))


def _may_be(name: str, collected: set[str], written: set[str]) -> bool:
    """A name without its row means all rows; a row can only be known where its check was collected."""
    base, row, _ = name.partition("[")
    return base in written | collected and not (row and base in collected)
