"""How a site stands, asked by one run of the suite."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.suite_run import run_suite
from harness.watch.standing import Standing, standing_of


def ask(
    site: str, profile: Path, scope: str, evidence: Path, words: Sequence[str] = (), held: Sequence[int] = ()
) -> Standing:
    """Run the suite; a run that comes to no verdict could not ask, and says why.

    :param site: the profile's name.
    :param words: further options of the run.
    :param held: descriptors that a run holds on to that outlives us.
    """
    ran = run_suite(
        profile, scope, evidence, of_site=lambda verdict: verdict.site == site, words=words, held=held
    )
    if ran.verdict is not None:
        return standing_of(ran.verdict)
    return Standing(
        site=site, scope=scope, outcome="BROKEN", failing=(), run="", at=datetime.now(UTC), why=ran.why
    )
