"""Reading a site profile: valid, or one message that names each field at fault."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from harness.errors import SiteError
from harness.site.profile import Site


def load_site(path: Path) -> Site:
    """Read and validate a profile.

    :raises SiteError: one message with the file, each field at fault, what was found and what was expected.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SiteError(
            f"site profile {path}: {error.strerror}",
            hint="--site=FILE, or ACCEPTANCE_SITE, must name an existing file",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SiteError(f"site profile {path}: not TOML: {error}", hint="mend the line it names") from error
    try:
        return Site.model_validate(table)
    except ValidationError as error:
        faults = "\n".join(f"  {_fault(item)}" for item in error.errors(include_url=False))  # type: ignore[arg-type]
        raise SiteError(
            f"site profile {path}:\n{faults}", hint="docs/site-profile.md lists every field"
        ) from error


def _fault(item: dict[str, object]) -> str:
    location = item["loc"]
    name = ".".join(str(part) for part in location) if isinstance(location, tuple) else str(location)
    if item["type"] == "extra_forbidden":
        return f"{name or 'top level'}: no such field"
    if item["type"] == "missing":
        return f"{name}: required, and not given"
    found = "" if isinstance(item["input"], dict) else f" (found {item['input']!r})"
    return f"{name or 'top level'}: {item['msg']}{found}"
