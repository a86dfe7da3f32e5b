"""Lines of environment files that systemd refuses and quotes whole: what they set may be a secret."""

from __future__ import annotations

import re
import shlex

from harness.infra.environment import remember_secrets
from harness.redact import MASK
from harness.site.profile import Site

_QUOTED = re.compile(
    r"(?P<says>Ignoring invalid environment assignment '|Invalid environment assignment, ignoring: )"
    r"(?P<name>(?:export[ \t]+)?[A-Za-z_]\w*[ \t]*=)?(?P<value>[^\n]*?)(?P<rest>'(?:: [^\s']+)?)?$",
    re.ASCII | re.MULTILINE,
)


def without_refused(journal: str, site: Site) -> str:
    """A journal in which such lines keep their names alone; other texts show what was a secret no more."""

    def shown(match: re.Match[str]) -> str:
        name, value = match["name"] or "", match["value"]
        key = name.removeprefix("export").rstrip("=").strip()
        remember_secrets(shlex.quote(f"{key}={value}"), site)
        return f"{match['says']}{name}{MASK}{match['rest'] or ''}"

    return _QUOTED.sub(shown, journal)
