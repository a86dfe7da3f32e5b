"""What sites come to together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from harness.fleet.document import FORMAT, FleetDocument, SharedCause
from harness.fleet.result import Finding, SiteResult
from harness.suite import version
from harness.verdict.outcome import BY_WEIGHT, Outcome, worst

_WEIGHT = {outcome.value: place for place, outcome in enumerate(BY_WEIGHT)}


def judge_fleet(
    name: str, results: Sequence[SiteResult], *, scope: str, run: str = "", stopped: str = "", merged: int = 0
) -> FleetDocument:
    """The worst decides; a fleet without a site is NOT PROVEN."""
    sites = sorted(results, key=lambda one: (_WEIGHT[one.outcome], one.group, one.key))
    outcome = worst(Outcome(one.outcome) for one in sites)
    return FleetDocument.model_validate(
        {
            "format": FORMAT,
            "fleet": name,
            "run": run,
            "scope": scope,
            "suite": version(),
            "began": min((one.began for one in sites if one.began), default=None),
            "ended": max((one.ended for one in sites if one.ended), default=None),
            "outcome": outcome.value,
            "exit_status": outcome.exit_status,
            "counts": Counter(one.outcome for one in sites),
            "stopped": stopped,
            "causes": shared_causes(sites),
            "sites": sites,
            "merged": merged,
        }
    )


def shared_causes(sites: Iterable[SiteResult]) -> list[SharedCause]:
    """Each finding once, with all the sites that have it."""
    found: dict[str, list[tuple[Finding, str]]] = {}
    for site in sites:
        for finding in site.findings:
            found.setdefault(finding.kin, []).append((finding, site.key))
    causes = [_shared(many) for many in found.values()]
    return sorted(causes, key=lambda one: (_WEIGHT[one.outcome], -len(one.sites), one.check, one.cause))


def _shared(many: Sequence[tuple[Finding, str]]) -> SharedCause:
    first = many[0][0]
    return SharedCause(
        outcome=first.outcome,
        check=first.check,
        more=first.more,
        cause=first.cause,
        seen=first.seen,
        next=first.next,
        sites=[key for _, key in many],
    )
