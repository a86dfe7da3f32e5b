"""The names by which a check is called: in a profile's ``not_applicable``, and by those who expect it red."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

LAYERS = ("host", "guest", "db", "session")
"""Folders of ``tests/`` that hold checks; the first part of a check's name."""

ITEM_KEYS = (
    *("host-clean", "database-updated", "handlers", "unit-network", "snapshot-rebuilt"),
    *("session-launches", "health", "window", "oauth"),
)
"""The lines of the runbook's checklist, by their keys: a site's own lines have others."""

TEST_FILES = ("test_*.py", "*_test.py")
"""As pytest takes files for such with tests."""

_TEST = re.compile(r"^(?:async )?def test_(\w+)", re.MULTILINE)

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


def unknown_names(names: Collection[str], declared: Collection[str], *folders: Path) -> list[str]:
    """The names that no check has: neither one that was collected, nor one in a file that was not.

    :param folders: those of all checks.
    """
    known = {name for check in declared for name in names_of(check)}
    collected = {name.partition("[")[0] for name in declared}
    written = {name for folder in folders for name in written_names(folder)}
    return sorted(name for name in set(names) - known if not _may_be(name, collected, written))


def written_names(folder: Path) -> dict[str, Path]:
    """The name of each check in a folder with layers, without its row, and the file that it stands in."""
    return {
        f"{layer}.{function}": path
        for layer in LAYERS
        for pattern in TEST_FILES
        for path in (folder / layer).glob(pattern)
        for function in _TEST.findall(_text_of(path))
    }


def _may_be(name: str, collected: set[str], written: set[str]) -> bool:
    """A name without its row means all rows; a row can only be known where its check was collected."""
    base, row, _ = name.partition("[")
    return base in written | collected and not (row and base in collected)


def _text_of(path: Path) -> str:
    """What cannot be read names no check; whoever reads the folder says why it cannot."""
    try:
        return path.read_text("utf-8", "replace") if path.is_file() else ""
    except OSError:
        return ""
