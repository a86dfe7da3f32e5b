"""What one site of a fleet came to, and what was found there."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from harness.fleet.sites import FleetSite
from harness.outward import told
from harness.text import beginning
from harness.verdict.about import Part, Told
from harness.verdict.document import CheckPart, Document, Moment, RunOutcome

_MOST = 100  # findings of a site that are kept
_SHOWN = 1000  # characters of what was seen
_OURS = re.compile(r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{6,}\b|[0-9]+")
"""Numbers, and what ids are made of: they differ from site to site, whatever the trouble is."""
_SHORTEST = 3  # characters of a site's own word that is looked for in a text


class Finding(Part):
    """Something that keeps a site from passing."""

    outcome: Literal["FAIL", "BROKEN"]
    check: Told
    """The first that found it; empty: it was beside the checks, or there is no verdict."""
    more: int = 0
    """How many other checks of the site had the very same trouble."""
    cause: Told = ""
    """As docs/causes.md has it, where a diagnosis was made."""
    kin: Told
    """What it has in common with the same at other sites."""
    seen: Told
    next: Told
    """What mends it, or what to do so that it can be asked."""


class SiteResult(Part):
    """A site of a fleet, and what its run came to."""

    key: Told
    """Its profile below the fleet's folder, without `.toml`."""
    group: Told = ""
    profile: Told
    site: Told = ""
    """The name that it has in its profile; empty where there is no verdict."""
    host: Told = ""
    outcome: RunOutcome
    run: Told = ""
    """The run's id; empty where there is no verdict."""
    evidence: Told = ""
    """The run's folder, on the machine that asked."""
    machine: Told = ""
    """The name of the machine that asked."""
    began: Moment | None = None
    ended: Moment | None = None
    why: Told = ""
    """Why there is no verdict."""
    findings: list[Finding] = Field(default_factory=list)
    unproven: int = 0
    """Of how many checks it could not be told."""

    @property
    def seconds(self) -> float:
        """How long it took; 0 where it did not begin."""
        return (self.ended - self.began).total_seconds() if self.began and self.ended else 0.0


def result_of(verdict: Document, site: FleetSite, *, machine: str | None = None) -> SiteResult:
    """So much of a verdict."""
    return SiteResult(
        key=site.key,
        group=site.group,
        profile=verdict.profile.file,
        site=verdict.site,
        host=verdict.host.address,
        outcome=verdict.outcome,
        run=verdict.run,
        evidence=verdict.evidence,
        machine=platform.node() if machine is None else machine,
        began=verdict.began,
        ended=verdict.ended,
        findings=[*_findings(verdict)][:_MOST],
        unproven=sum(one.outcome == "NOT PROVEN" for one in verdict.checks),
    )


def without_verdict(site: FleetSite, why: str, began: datetime, ended: datetime) -> SiteResult:
    """A run was begun, and nothing is known of what it came to: we could not ask."""
    finding = _trouble("", why, "", "BROKEN", [str(site.profile), site.profile.name, site.key])
    return SiteResult(
        key=site.key,
        group=site.group,
        profile=str(site.profile),
        outcome="BROKEN",
        machine=platform.node(),
        began=began,
        ended=ended,
        why=beginning(why, _SHOWN),
        findings=[finding],
    )


def unasked(site: FleetSite, why: str) -> SiteResult:
    """No run was begun, or it was cut short."""
    return SiteResult(
        key=site.key, group=site.group, profile=str(site.profile), outcome="NOT PROVEN", why=why
    )


def _findings(verdict: Document) -> Iterator[Finding]:
    own = [verdict.host.address, verdict.host.name or "", verdict.site, verdict.profile.file, verdict.run]
    own += [verdict.evidence]
    yield from (_failed(one) for one in verdict.checks if one.outcome == "FAIL")
    broken: dict[str, Finding] = {}
    for check in verdict.checks:
        if check.outcome == "BROKEN":
            found = _trouble(check.name, check.seen, check.hint, "BROKEN", own)
            first = broken.setdefault(found.kin, found)
            first.more += 0 if first is found else 1
    for part in verdict.trouble:
        if part.outcome in ("FAIL", "BROKEN"):
            found = _trouble("", part.text, "", "FAIL" if part.outcome == "FAIL" else "BROKEN", own)
            broken.setdefault(found.kin, found)
    yield from broken.values()


def _failed(check: CheckPart) -> Finding:
    """Sites that break the same claim have it in common, though each saw it in names of its own; where a
    diagnosis was made, only those with the same cause."""
    cause = check.cause
    named = cause.name if cause else ""
    step, how = (cause.step, cause.how) if cause and named else (check.step, check.how)
    return Finding(
        outcome="FAIL",
        check=check.name,
        cause=named,
        kin=f"FAIL {check.name} {named}".rstrip(),
        seen=beginning(check.seen, _SHOWN),
        next=f"step {step}: {how}",
    )


def _trouble(
    check: str, seen: str, hint: str, outcome: Literal["FAIL", "BROKEN"], own: Sequence[str]
) -> Finding:
    """Whatever could not be asked: its text without the site's own words says what it is."""
    text = seen
    for word in sorted({word for word in own if len(word) >= _SHORTEST}, key=len, reverse=True):
        text = text.replace(word, "…")
    kin = f"{outcome} {_OURS.sub('#', text)}"
    return Finding(
        outcome=outcome,
        check=check,
        kin=beginning(told(kin), _SHOWN),
        seen=beginning(seen, _SHOWN),
        next=hint,
    )
