"""The names by which a check is called: in a profile's ``not_applicable``, and by those who expect it red."""

from __future__ import annotations

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
