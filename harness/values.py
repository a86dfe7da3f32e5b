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

from harness.errors import UnreadableError, UsageError

Natural = Annotated[int, Field(ge=0, lt=1 << 64)]
"""A number that a kernel counts."""
Moment = Annotated[float, Field(ge=0, lt=253_402_300_800)]
"""Seconds since 1970, before the year 10000."""

_NATURAL = re.compile(r"[0-9]{1,20}")
_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
_NAME = re.compile(r"[!-~]{1,200}")
_SPAN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
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


def seconds_of(text: str, *, option: str, within: tuple[float, float]) -> float:
    """What a person typed of a time: ``30s``, ``10m``, ``1h`` or ``1d``.

    :raises UsageError: it is none of that, or not within these seconds.
    """
    found = _SPAN.fullmatch(text)
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not within[0] <= seconds <= within[1]:
        reach = " to ".join(span(limit) for limit in within)
        raise UsageError(f"{option}: expected a time from {reach}, as 30s, 10m or 1h", hint=f"{option}=10m")
    return seconds


def span(seconds: float) -> str:
    """A time as a person types it, in the largest unit that it is a whole number of."""
    unit = next((one for one in "dhm" if seconds >= _UNITS[one] and seconds % _UNITS[one] == 0), "s")
    return f"{seconds / _UNITS[unit]:g}{unit}"


def _is_no(what: str, seen: object, whose: str) -> UnreadableError:
    shown = repr(seen)
    return UnreadableError(f"{whose}: no {what}: {shown[:_SHOWN]}{'…' if len(shown) > _SHOWN else ''}")
