"""A cause by its name, and what a diagnosis comes to: one cause, or what it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.causes.facts import Facts
from harness.findings import mend_line
from harness.mend import HEADING, Mend

Step = int | str
"""A step of the runbook, or ``troubleshooting``."""


@dataclass(frozen=True)
class Found:
    """A cause as it was met: the evidence in words, and what mends it here."""

    seen: str
    mends: tuple[Mend, ...] = ()


Met = Callable[[Facts], Found | None]


@dataclass(frozen=True)
class Cause:
    """One row of the table."""

    name: str
    means: str
    """For the operator: what it is that is wrong."""
    evidence: str
    """What is needed to tell: a part of the facts, in words."""
    step: Step
    how: str
    """What mends it, in words."""
    shown_by: str
    """The check whose FAIL it is told with."""
    met: Met


@dataclass(frozen=True)
class Diagnosis:
    """What was found: a cause, or None and all that was looked for in vain."""

    whose: str
    cause: Cause | None
    found: Found
    excluded: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """What could not be asked, and why."""
    contrast: str = ""
    """How a clone of our own from the same snapshot fares."""

    @property
    def where(self) -> str:
        """Where what is wrong is to be mended; empty where no cause is known."""
        room = self.cause.name.partition(".")[0] if self.cause else ""
        return {
            "": "",
            "agent": f"inside {self.whose}",
            "boot": f"the console of {self.whose}",
            "controller": "the controller's unit on the host",
            "snapshot": "the golden snapshot's files on the host",
        }.get(room, f"the host, {self.whose}")

    @property
    def text(self) -> str:
        """For a message: the cause first."""
        if self.cause is None:
            lines = [f"no cause is known; excluded: {', '.join(self.excluded) or 'nothing'}"]
            lines += [f"not asked: {one}" for one in self.unknown]
        else:
            lines = [f"{self.cause.name}: {self.cause.means}: {self.found.seen}"]
        if self.contrast:
            lines.append(self.contrast)
        if self.found.mends:
            lines += [HEADING, *(f"  {mend_line(mend)}" for mend in self.found.mends)]
        return "\n".join(lines)
