"""What the last verdict says is red: which site, and which checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UnreadableError, UsageError
from harness.verdict.document import read_document


@dataclass(frozen=True)
class LastVerdict:
    """A run's verdict, as far as it is needed here."""

    profile: Path
    outcomes: Mapping[str, str]

    @property
    def failed(self) -> list[str]:
        """Checks that FAILED, without their rows."""
        return [name.partition("[")[0] for name, outcome in self.outcomes.items() if outcome == "FAIL"]


def last_verdict(evidence: Path) -> LastVerdict:
    """The verdict of the newest run.

    :raises UsageError: there is none that can be read.
    """
    try:
        verdict = read_document(evidence / "latest" / "verdict.json")
    except UnreadableError as error:
        hint = "run the suite first, or name a profile: --site=FILE"
        raise UsageError(f"no verdict: {error.message}", hint=hint) from error
    return LastVerdict(Path(verdict.profile.file), {one.name: one.outcome for one in verdict.checks})
