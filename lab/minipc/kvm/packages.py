"""The Python packages that a build of the golden snapshot needs in the machine, by the project's own lock."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from lab import debian
from lab.digest import digest_of_text
from lab.image.chamber import ROOT
from lab.minipc import code
from lab.paths import LabPaths

LOCK = ROOT / "requirements.lock"
NAMES = (
    *("annotated-types", "anyio", "certifi", "h11", "httpcore", "httpx", "idna", "markdown-it-py", "mdurl"),
    *("pydantic", "pydantic-core", "pygments", "rich", "tenacity", "typing-extensions"),
    *("typing-inspection", "websockets"),
)


def fetch(paths: LabPaths) -> Path:
    """The folder with all of them, from the cache where it is there."""
    wanted = locked(LOCK.read_text("utf-8"), NAMES)
    folder = paths.cache / f"builder-{digest_of_text(wanted)[:16]}"
    if not folder.exists():
        for leftover in paths.cache.glob("builder*"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(dir=paths.cache, prefix="builder.") as place:
            requirements, fresh = Path(place, "requirements.lock"), Path(place, "packages")
            requirements.write_text(wanted)
            code.fetch_packages(requirements, fresh, debian.BOOKWORM.python)
            fresh.rename(folder)
    return folder


def locked(lock: str, names: tuple[str, ...]) -> str:
    """Those entries of a lock file, with their digests.

    :raises ValueError: one of them is not in it.
    """
    entries = {
        entry.partition("==")[0]: entry for entry in re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)
    }
    if missing := set(names) - set(entries):
        raise ValueError(f"not in the lock: {', '.join(sorted(missing))}")
    return "".join(entries[name] for name in names)
