"""Which lines of the controller's logs are errors, as the profile has it; the lines are the host's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.answers import read_as
from harness.errors import UnreadableError
from harness.host.parts import Exit, Gap
from harness.site.own import ids_in_line, own_words
from harness.site.patterns import is_found
from harness.site.profile import ControllerSection, Site
from harness.text import beginning, uncoloured
from harness.values import Moment, Natural

LOGS = ("journal", "log_file")
_KEPT = 1000
_KEPT_CHARACTERS = 400
_MOST_NAMES = 20


@dataclass(frozen=True)
class _Told:
    lines: tuple[tuple[Moment, str], ...]
    since: Moment
    limit: Natural
    undated: bool = False
    zone: str = ""
    gap: Gap | None = None
    exits: tuple[Exit, ...] = field(default=())


def with_errors(parts: Mapping[str, Mapping[str, Any]], site: Site) -> dict[str, Mapping[str, Any]]:
    """The probe's answer, with the errors of each log in the place of its lines."""
    return {name: _read(name, part, site) if name in LOGS else part for name, part in parts.items()}


def errors_among(
    lines: Sequence[tuple[float, str]], controller: ControllerSection, *, words: Sequence[str] = ()
) -> dict[str, Any]:
    """How many lines there are, how many of them are errors, the last of these, and those that are known.

    :param words: what else than ids is noted of what an error names.
    """
    bad: list[dict[str, Any]] = []
    ignored: dict[str, int] = {}
    for time, text in lines:
        if not is_error(text, controller):
            continue
        known = next((one for one in controller.ignore_errors if _matches(one, text)), None)
        if known is None:
            shown = beginning(uncoloured(text), _KEPT_CHARACTERS)
            bad.append({"time": time, "text": shown, "names": _names(text, words)})
        else:
            ignored[known] = ignored.get(known, 0) + 1
    return {"read": len(lines), "count": len(bad), "last": bad[-_KEPT:], "ignored": ignored}


def is_error(text: str, controller: ControllerSection) -> bool:
    """Whether a line is an error, known or not."""
    return _matches(controller.error_pattern, text)


def _matches(pattern: str, text: str) -> bool:
    """Whatever its colours are; a pattern may be about these, too."""
    bare = uncoloured(text)
    return is_found(pattern, bare) or (bare != text and is_found(pattern, text))


def _names(text: str, words: Sequence[str]) -> list[str]:
    ids = ids_in_line(text)
    return [*sorted(ids)[:_MOST_NAMES], *(word for word in words if word in text and word not in ids)]


def _read(name: str, part: Mapping[str, Any], site: Site) -> Mapping[str, Any]:
    if part.get("ok") is None:
        return part
    try:
        told = read_as(_Told, part["ok"], whose=f"the host's {name}")
    except UnreadableError as error:
        return {"error": error.message}
    found = errors_among(told.lines, site.controller, words=own_words(site))
    about = {key: value for key, value in asdict(told).items() if key != "lines"}
    return {"ok": {**found, **about}}
