"""Of what a journal has about a unit, what belongs to its latest start: what an earlier one said is over."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.causes.facts import UnitSeen
from harness.infra.start_failure import Said

_END = re.compile(r"Failed with result|Deactivated successfully|: Succeeded\.|^Stopped ")
_STARTS = re.compile(r"^(?:Starting|Started) ")
_REFUSED = "Start request repeated too quickly"
_SAYS_NOTHING = re.compile(
    r"^(?:Starting|Started|Stopping|Stopped) |Scheduled restart job|Service (?:RestartSec|hold-off)"
    r"|Failed to start|Start request repeated|start-limit-hit|Consumed .* CPU time|Triggering OnFailure"
)
"""Said of any start, whatever comes of it."""


def latest_start(lines: Sequence[Said], unit: UnitSeen) -> Sequence[Said]:
    """From the end of the start before on: systemd complains of some things before it says ``Started``.

    One of a loop that has said nothing yet gives way to the one before, which ended as this one will; where
    somebody else than systemd began it (``NRestarts`` is 0 then), what was before is over.
    """
    for start in reversed(_starts(lines)):
        if any(not (one.by_systemd and _SAYS_NOTHING.search(one.text)) for one in start):
            return start
        begun = any(one.by_systemd and _STARTS.search(one.text) for one in start)
        if begun and unit.get("NRestarts") == "0":
            return start
    return ()


def is_refused(lines: Sequence[Said]) -> bool:
    """Whether systemd's last word about a start is that there were too many of them."""
    said = (one.text for one in reversed(lines) if one.by_systemd)
    last = next((text for text in said if _STARTS.search(text) or _REFUSED in text), "")
    return _REFUSED in last


def _starts(lines: Sequence[Said]) -> list[Sequence[Said]]:
    """Each with the line that tells of its end."""
    ends = [number + 1 for number, one in enumerate(lines) if one.by_systemd and _END.search(one.text)]
    return [lines[a:b] for a, b in zip([0, *ends], [*ends, len(lines)], strict=True)]
