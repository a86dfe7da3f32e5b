"""What a verdict excuses, held to the profile as it is now: what was waived must be so still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from harness.site.profile import Site
from harness.verdict.document import CheckPart, Document
from harness.verdict.terms import Terms


def terms_of(site: Site) -> Terms:
    """On which terms the site's checks count."""
    return Terms.of((one.model_dump() for one in site.waivers), site.advisory)


def objections(document: Document, terms: Terms, now: datetime) -> Iterator[tuple[CheckPart, str]]:
    """Checks that did not pass and were excused, and would not be now; each with the reason."""
    for check in document.checks:
        if check.found is None:
            continue
        if not check.advisory and (why := _waived_no_more(check, terms, now)):
            yield check, why
        if check.advisory and not terms.is_advisory(check.name):
            yield check, f"{check.name} was {check.found}, and is advisory no more"


def excuses_in(document: Document) -> str:
    """What did not pass, and did not count; or not at once."""
    waived = [
        f"{one.name} until {one.waiver.until}"
        for one in document.checks
        if one.outcome == "WAIVED" and one.waiver
    ]
    advisory = [f"{one.name}: {one.found}" for one in document.checks if one.outcome == "ADVISORY"]
    texts = [f"{len(waived)} waived ({', '.join(waived)})"] if waived else []
    if document.merged:
        again = [f"{one.name} after {one.tries[-1].outcome}" for one in document.checks if one.tries]
        texts.append(f"merged of {len(document.merged) + 1} runs (again: {', '.join(again)})")
    texts += [f"{len(advisory)} advisory ({', '.join(advisory)})"] if advisory else []
    return "".join(f", {text}" for text in texts)


def _waived_no_more(check: CheckPart, terms: Terms, now: datetime) -> str:
    """By the earlier of both days: one that was moved since counts from the next run on."""
    then, waiver = check.waiver, terms.waiver_of(check.name)
    if waiver is None:
        return f"{check.name} was waived, and is no more"
    if not waiver.holds(now):
        return f"{check.name} was waived until {waiver.until}"
    if then is None or not then.as_waiver().holds(now):
        return f"{check.name} was waived until {then.until if then else 'no day'} when it ran"
    return ""
