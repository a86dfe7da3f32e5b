"""Reading a site profile: valid, or one message that names each field at fault."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.errors import SiteError
from harness.site.faults import MOST, faults_of
from harness.site.patterns import is_found
from harness.site.profile import Site
from harness.site.reading import CannotReadError, read_text, shown

_LARGEST = 1 << 20
_HINT = "docs/site-profile.md lists every field"
_PLACE = re.compile(r" \(at [a-z]+ [a-z]* ?[0-9]*(, column [0-9]+)?[a-z ]*\)$")
# One part of a key, and 20 of them: Python's parser takes time quadratic in their number.
_KEY = r"""("([^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_LONG_KEY = rf"({_KEY}[ \t]*\.[ \t]*){{20}}"


def load_site(path: Path) -> Site:
    """Read and validate a profile.

    :raises SiteError: one message with the file, each field at fault, what was found and what was expected.
        It quotes nothing that may be a secret.
    """
    head = f"site profile {shown(path)}:"
    try:
        text = read_text(path, limit=_LARGEST)
    except CannotReadError as error:
        raise SiteError(
            f"{head} {error}", hint="--site=FILE, or ACCEPTANCE_SITE, must name an existing file"
        ) from None
    table = _table(text, head)
    try:
        site = Site.model_validate(table)
    except ValidationError as error:
        faults = faults_of(error, text)
    else:
        faults = _unreachable(site)
    if faults:
        more = [f"… and {len(faults) - MOST} more, {len(faults)} in all"] if len(faults) > MOST else []
        lines = "\n".join(f"  {fault}" for fault in [*faults[:MOST], *more])
        raise SiteError(f"{head}\n{lines}", hint=_HINT)
    return site


def _table(text: str, head: str) -> dict[str, Any]:
    if is_found(_LONG_KEY, text):
        raise SiteError(
            f"{head} not a profile: a key of many parts, and none here has more than two", hint=_HINT
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SiteError(
            f"{head} not TOML: {_without_quotes(str(error))}", hint="mend the line it names"
        ) from None
    except RecursionError:
        why = "lists or tables within one another, deeper than can be read"
    except ValueError:
        why = "a number with too many digits"
    raise SiteError(f"{head} not a profile: {why}", hint=_HINT)


def _without_quotes(said: str) -> str:
    """What is wrong and where, without what stands there: that may be a secret."""
    place = _PLACE.search(said)
    where = place[0] if place else ""
    return re.sub(r"[\"'(].*[\"')]", "…", said.removesuffix(where), flags=re.DOTALL) + where


def _unreachable(site: Site) -> list[str]:
    """Nobody's host is tried because a line was forgotten."""
    host = site.host
    needed = {"address": host.address, "user": host.user} if host.transport == "ssh" else {}
    return [f"host.{name}: required, and not given" for name, value in needed.items() if not value]
