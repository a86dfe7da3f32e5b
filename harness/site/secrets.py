"""A site's secrets, which its profile only points at."""

from __future__ import annotations

import os
from pathlib import Path

from harness.errors import SiteError
from harness.mend import shell_line
from harness.redact import remember
from harness.site.reading import CannotReadError, read_text, shown

_LARGEST = 64 << 10


def secret(env: str | None, file: Path | None, *, what: str) -> str:
    """A secret from the environment, or else from a file that only its owner can read.

    :raises SiteError: neither holds it, or the file is open to others.
    """
    if env and os.environ.get(env):
        return remember(os.environ[env])
    if file is not None:
        return remember(_content(file, what))
    if env is None:
        raise SiteError(f"{what}: the profile names nothing that holds it", hint="docs/site-profile.md")
    raise SiteError(f"{what}: environment variable {env} is not set", hint=f"export {env}=…")


def _content(file: Path, what: str) -> str:
    try:
        content = read_text(file, limit=_LARGEST, private=True).strip()
    except CannotReadError as error:
        private = shell_line(("chmod", "600", "--", str(file)))
        hint = private if "others" in str(error) else "write the file, or set the variable"
        raise SiteError(f"{what}: {shown(file)}: {error}", hint=hint) from None
    if not content:
        raise SiteError(f"{what}: {shown(file)}: the file is empty", hint="write it, or set the variable")
    return content
