"""Which lines of the controller's logs are errors, as the profile has it; the lines are the host's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.answers import read_as
from harness.errors import UnreadableError
from harness.site.patterns import is_found
from harness.site.profile import ControllerSection
from harness.text import beginning
from harness.values import Moment, Natural

LOGS = ("journal", "log_file")
_SHOWN = 20
_SHOWN_CHARACTERS = 400


@dataclass(frozen=True)
class _Told:
    lines: tuple[tuple[Moment, str], ...]
    since: Moment
    limit: Natural
    undated: bool = False


def with_errors(
    parts: Mapping[str, Mapping[str, Any]], controller: ControllerSection
) -> dict[str, Mapping[str, Any]]:
    """The probe's answer, with the errors of each log in the place of its lines."""
    return {name: _read(name, part, controller) if name in LOGS else part for name, part in parts.items()}


def errors_among(lines: Sequence[tuple[float, str]], controller: ControllerSection) -> dict[str, Any]:
    """How many lines there are, how many of them are errors, the last of these, and those that are known."""
    bad: list[dict[str, Any]] = []
    ignored: dict[str, int] = {}
    for time, text in lines:
        if is_found(controller.error_pattern, text):
            known = next((one for one in controller.ignore_errors if is_found(one, text)), None)
            if known is None:
                bad.append({"time": time, "text": beginning(text, _SHOWN_CHARACTERS)})
            else:
                ignored[known] = ignored.get(known, 0) + 1
    return {"read": len(lines), "count": len(bad), "last": bad[-_SHOWN:], "ignored": ignored}


def _read(name: str, part: Mapping[str, Any], controller: ControllerSection) -> Mapping[str, Any]:
    if part.get("ok") is None:
        return part
    try:
        told = read_as(_Told, part["ok"], whose=f"the host's {name}")
    except UnreadableError as error:
        return {"error": error.message}
    found = errors_among(told.lines, controller)
    return {"ok": {**found, "since": told.since, "limit": told.limit, "undated": told.undated}}
