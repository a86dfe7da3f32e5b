"""Which site profile a run is about: the one named, or else the lab where it is up."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from harness.custodian.names import is_running
from harness.errors import UsageError
from harness.site.reading import shown

LAB_HOME = Path("/var/lib/acceptance-lab")
LAB_RUN = Path("/run/acceptance-lab")


def choose_site(given: Path | None, environ: Mapping[str, str]) -> Path:
    """The profile to read: ``given``, else ``ACCEPTANCE_SITE``, else the one of a lab that is up.

    :raises UsageError: there is none of them; the hint says what to do.
    """
    if given is not None:
        return given
    if named := environ.get("ACCEPTANCE_SITE"):
        return Path(named)
    home = Path(os.path.realpath(environ.get("LAB_HOME") or LAB_HOME))
    profile = home / "site.toml"
    if _is_up(LAB_RUN if home == LAB_HOME else home / "run") and profile.is_file():
        return profile
    raise UsageError(
        f"no site: neither --site nor ACCEPTANCE_SITE names a profile, and no lab is up in {shown(home)}",
        hint="--site=sites/minipc.toml for the runbook's host, or, as root, python -m lab up",
    )


def _is_up(run: Path) -> bool:
    """Whether the process that a lab has put on record still runs."""
    try:
        leader = json.loads((run / "leader.json").read_text())
        return is_running(leader["pid"], leader["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
