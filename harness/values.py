"""Single values in a site's answers: numbers, times, addresses and names, each checked where it comes in.

``int("٣")``, ``float("nan")``, ``"²".isdigit()`` and ``fromisoformat("0001-01-01").timestamp()`` are Python's
ways to take, or to stumble over, what no program of a site means.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Annotated

from pydantic import Field

from harness.errors import UnreadableError

Natural = Annotated[int, Field(ge=0, lt=1 << 64)]
"""A number that a kernel counts."""
Moment = Annotated[float, Field(ge=0, lt=253_402_300_800)]
"""Seconds since 1970, before the year 10000."""

_NATURAL = re.compile(r"[0-9]{1,20}")
_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
_NAME = re.compile(r"[!-~]{1,200}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN = 80


def natural(text: object, *, whose: str) -> int:
    """A whole number in decimal digits, as programs print it.

    :raises UnreadableError: it is none, or of more than 20 digits.
    """
    if isinstance(text, str) and _NATURAL.fullmatch(text):
        return int(text)
    raise _is_no("whole number", text, whose)


def decimal(text: object, *, whose: str) -> float:
    """A number that is not negative, with or without decimals.

    :raises UnreadableError: it is none.
    """
    if isinstance(text, str) and _DECIMAL.fullmatch(text):
        return float(text)
    raise _is_no("number", text, whose)


def moment(text: object, *, whose: str) -> float:
    """Seconds since 1970 of a time as in ``2026-01-31T12:00:00Z``; UTC where it names no zone.

    :raises UnreadableError: it is none.
    """
    try:
        found = datetime.fromisoformat(text)  # type: ignore[arg-type] # then it raises
        return ((found if found.tzinfo else found.replace(tzinfo=UTC)) - _EPOCH).total_seconds()
    except (TypeError, ValueError, OverflowError):
        raise _is_no("time as in 2026-01-31T12:00:00Z", text, whose) from None


def ipv4(text: object, *, whose: str) -> IPv4Address:
    """An IPv4 address in four numbers.

    :raises UnreadableError: it is none.
    """
    try:
        if isinstance(text, str):
            return IPv4Address(text)
    except ValueError:
        pass
    raise _is_no("IPv4 address", text, whose)


def name(text: object, *, whose: str) -> str:
    """An id that somebody else made up: ASCII that can be seen, without blanks, at most 200 characters.

    :raises UnreadableError: it is none.
    """
    if isinstance(text, str) and _NAME.fullmatch(text):
        return text
    raise _is_no("name of at most 200 visible characters", text, whose)


def _is_no(what: str, seen: object, whose: str) -> UnreadableError:
    shown = repr(seen)
    return UnreadableError(f"{whose}: no {what}: {shown[:_SHOWN]}{'…' if len(shown) > _SHOWN else ''}")
