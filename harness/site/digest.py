"""The digest of a profile as it is in force: two runs of one digest were asked the same of one deployment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from harness.site.kinds import Untold, marked
from harness.site.profile import Section, Site

_LEFT_OUT = ("waivers", "advisory", "checks")


def profile_digest(site: Site) -> str:
    """sha256 over every value in force, the defaults too; what may be a secret, or say where one lies, is
    left out, for a short one could be found again by trying.

    What excuses a check is left out, too: it changes what a run makes of an answer, and not what it asks. So
    two verdicts of which one was milder are on the same, and the gate holds each to the profile as it is now.
    So is where checks of the site's own lie: what they are is in the digest of the checks.
    """
    text = json.dumps(sorted(_values(site, "")), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _values(section: Section, prefix: str) -> Iterator[tuple[str, str]]:
    plain = section.model_dump(mode="json")
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _values(value, f"{prefix}{name}.")
        elif not marked(field, Untold) and f"{prefix}{name}" not in _LEFT_OUT:
            yield f"{prefix}{name}", json.dumps(plain[name], sort_keys=True)
