"""What other runs on the same host ask for at the same time, as their custodians have it on record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from harness.answers import read_as
from harness.custodian.names import RUNS
from harness.host.facts import Asked

_PROBE = Path(__file__).parent / "probes" / "launches.py"
_LOOK_S = 30.0


class _Launch(BaseModel):
    """A request for a session."""

    user: str | None = None
    session: str | None = None


@dataclass(frozen=True)
class OtherRuns:
    """Sessions that other runs have, and the users for whom they asked, with an answer or without."""

    sessions: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()

    def and_of(self, other: OtherRuns) -> OtherRuns:
        """With what was on record at another moment."""
        return OtherRuns(self.sessions | other.sessions, self.users | other.users)


def other_runs(host: Asked, *, own: str, runs: Path = RUNS) -> OtherRuns:
    """Those on record now.

    :param own: our own run's name.
    :raises TransportError: the host cannot be asked.
    """
    said = host.python(_PROBE.read_text("utf-8"), {"runs": str(runs), "own": own}, timeout_s=_LOOK_S)
    found = read_as(list[_Launch], said, whose="what other runs have on record")
    return OtherRuns(
        frozenset(one.session for one in found if one.session),
        frozenset(one.user.casefold() for one in found if one.user),
    )
