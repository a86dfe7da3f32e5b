"""A site's secrets, which its profile only points at."""

from __future__ import annotations

import os
from pathlib import Path

from harness.errors import SiteError
from harness.mend import shell_line
from harness.redact import remember


def secret(env: str | None, file: Path | None, *, what: str) -> str:
    """A secret from the environment, or else from a file that only its owner can read.

    :raises SiteError: neither holds it, or the file is open to others.
    """
    if env and os.environ.get(env):
        return remember(os.environ[env])
    if file is not None:
        try:
            if file.stat().st_mode & 0o077:
                raise SiteError(
                    f"{what}: {file} can be read by others",
                    hint=shell_line(("chmod", "600", "--", str(file))),
                )
            return remember(file.read_text(encoding="utf-8").strip())
        except OSError as error:
            raise SiteError(
                f"{what}: {file}: {error.strerror}", hint="write the file, or set the variable"
            ) from error
    raise SiteError(f"{what}: environment variable {env} is not set", hint=f"export {env}=…")
