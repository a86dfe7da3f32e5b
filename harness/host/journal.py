"""What the controller's journal says of one VM, read in one round trip, and the markers of its launch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.answers import read_as
from harness.errors import TransportError
from harness.host.facts import Asked
from harness.host.parts import Line
from harness.site.patterns import is_found
from harness.text import uncoloured
from harness.values import Moment, Natural

JOURNAL_PROBE = Path(__file__).parent / "probes" / "journal.py"
_JOURNAL_READ_S = 40.0


@dataclass(frozen=True)
class _Answer:
    read: Natural
    whole: bool
    """There are no older lines."""
    lines: tuple[tuple[Moment, str], ...]


@dataclass(frozen=True)
class Marker:
    """One of the profile's markers, and its first line, where there is one."""

    pattern: str
    line: Line | None
    place: int = -1
    """Which of the VM's lines the first one is."""


def lines_about(host: Asked, *words: str, since: float) -> list[Line]:
    """Lines of the controller's journal that hold one of these words, oldest first, without colours.

    :param words: what names a VM: its id, its address, its session. The first is told where there is none.
    :param since: the host's time; nothing older is read.
    :raises TransportError: there are more lines since then than may be read, and none with a word.
    """
    site = host.site
    limit, unit = site.controller.journal_lines, site.controller.unit
    ask = {"unit": unit, "words": words, "since": since, "limit": limit}
    said = host.python(JOURNAL_PROBE.read_text("utf-8"), ask, timeout_s=_JOURNAL_READ_S)
    answer = read_as(_Answer, said, whose=f"what the host's journal says of {unit}")
    if not answer.whole and not answer.lines:
        raise TransportError(
            f"the journal of {unit}: none of the latest {answer.read} lines names {words[0]}, and there are"
            " older ones",
            hint="raise controller.journal_lines in the profile",
        )
    return [Line(time, uncoloured(text)) for time, text in answer.lines]


def markers_in(lines: Sequence[Line], patterns: Sequence[str]) -> list[Marker]:
    """Each marker with the first line that it matches."""
    return [_first(lines, pattern) for pattern in patterns]


def _first(lines: Sequence[Line], pattern: str) -> Marker:
    return next(
        (Marker(pattern, line, place) for place, line in enumerate(lines) if is_found(pattern, line.text)),
        Marker(pattern, None),
    )
