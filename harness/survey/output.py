"""The file that a profile is written to: asked for before the look, and there as a whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness.errors import UsageError
from harness.site.reading import shown
from harness.whole import write_whole


def hold_place(path: Path, *, force: bool) -> None:
    """See whether a file can be written there: a look takes minutes, and is not to be for nothing.

    :raises UsageError: it cannot, or is there already.
    """
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{shown(path)} is there, and no file", hint="name a file by -o")
        if path.exists() and not force:
            raise UsageError(f"{shown(path)} is there already", hint="name another by -o, or give --force")
        with tempfile.TemporaryFile(dir=path.resolve().parent):
            pass
    except (OSError, ValueError) as error:
        raise _cannot(path, error) from None


def write_profile(path: Path, text: str) -> None:
    """Write a file; what was there stays until all of it is written, and so do its mode and a link to it.

    :raises UsageError: it cannot be written.
    """
    try:
        write_whole(path, text.encode(), mode=None)
    except OSError as error:
        raise _cannot(path, error) from None


def _cannot(path: Path, error: OSError | ValueError) -> UsageError:
    why = error.strerror if isinstance(error, OSError) else "no path"
    return UsageError(
        f"{shown(path)}: cannot be written: {why}",
        hint="by -o name a file in a folder that can be written to",
    )
