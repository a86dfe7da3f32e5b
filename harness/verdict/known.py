"""What a run comes to know of what it judges, bit by bit, and why it does not know the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.verdict.about import (
    About,
    AgentPart,
    Busyness,
    DatabasePart,
    HostPart,
    Measured,
    Part,
    Profile,
    SnapshotPart,
    Suite,
)

NOT_ASKED = "nothing that was asked in this run needed it"


@dataclass
class Known:
    """Filled by those who ask; :meth:`about` is what the verdict says."""

    suite: Suite
    profile: Profile
    host: HostPart
    snapshot: SnapshotPart = field(default_factory=SnapshotPart)
    agent: AgentPart = field(default_factory=AgentPart)
    database: DatabasePart = field(default_factory=DatabasePart)
    busy: Busyness = field(default_factory=Busyness)
    measured: Measured = field(default_factory=Measured)
    why: dict[str, str] = field(default_factory=dict)
    """The place of what is not known, or of a table of it -> the reason."""

    def about(self) -> About:
        """All of it, and for each thing that is not known the reason."""
        parts = {
            "host": self.host,
            "snapshot": self.snapshot,
            "agent": self.agent,
            "database": self.database,
            "busy": self.busy,
            "measured": self.measured,
        }
        unknown = {place: self._reason(place) for name, part in parts.items() for place in _gaps(part, name)}
        return About(suite=self.suite, profile=self.profile, **parts, unknown=unknown)  # type: ignore[arg-type]

    def _reason(self, place: str) -> str:
        while place:
            if place in self.why:
                return self.why[place]
            place = place.rpartition(".")[0]
        return NOT_ASKED


def _gaps(part: Part, place: str) -> Iterator[str]:
    for name in type(part).model_fields:
        value = getattr(part, name)
        if value is None:
            yield f"{place}.{name}"
        elif isinstance(value, Part):
            yield from _gaps(value, f"{place}.{name}")
