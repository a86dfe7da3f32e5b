"""What may be a secret of a sick guest's: its kernel's arguments, and lines that systemd refuses."""

from __future__ import annotations

import re
import shlex

from harness.infra.environment import remember_arguments, remember_secrets
from harness.infra.secret_values import without_secrets
from harness.redact import MASK
from harness.site.profile import Site

_QUOTED = re.compile(
    r"(?P<says>Ignoring invalid environment assignment '|Invalid environment assignment, ignoring: )"
    r"(?P<name>(?:export[ \t]+)?[A-Za-z_]\w*[ \t]*=)?(?P<value>[^\n]*?)(?P<rest>'(?:: [^\s']+)?)?$",
    re.ASCII | re.MULTILINE,
)


def told_arguments(cmdline: str, site: Site) -> str:
    """A kernel's command line as it may be shown; other texts do not show what is a secret in it, either."""
    remember_arguments(cmdline, site)
    return without_secrets(cmdline)


def without_refused(journal: str, site: Site) -> str:
    """A journal in which lines of an environment file, which systemd quotes whole, keep their names alone."""

    def shown(match: re.Match[str]) -> str:
        name, value = match["name"] or "", match["value"]
        key = name.removeprefix("export").rstrip("=").strip()
        remember_secrets(shlex.quote(f"{key}={value}"), site)
        return f"{match['says']}{name}{MASK}{match['rest'] or ''}"

    return _QUOTED.sub(shown, journal)
