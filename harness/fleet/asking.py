"""One site of a fleet asked, by a run of the suite that ends with whoever began it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.fleet.result import SiteResult, result_of, without_verdict
from harness.fleet.sites import FleetSite
from harness.outward import told
from harness.suite_run import run_suite
from harness.whole import private_folder, write_whole

OUTPUT = "output.txt"
"""What the last run of a site printed, in the site's folder."""
_IF_WE_LIVE = '[ "$PPID" = "$0" ] || exit 143; exec "$@"'
"""The word that we died is lost on whoever was not listening yet."""


def ask_site(site: FleetSite, scope: str, evidence: Path, held: Sequence[int] = ()) -> SiteResult:
    """Run the suite on a site; what it leaves lies in a folder of the site's own.

    :param held: descriptors that the run holds on to until it has ended, should it outlive us.
    """
    began, own = datetime.now(UTC), evidence / site.key
    ran = run_suite(
        site.profile,
        scope,
        own,
        of_site=lambda verdict: Path(verdict.profile.file) == site.profile,
        held=held,
        within=_within(),
    )
    with contextlib.suppress(OSError):  # it says no more than the verdict does
        private_folder(own)
        write_whole(own / OUTPUT, told(ran.output).encode())
    if ran.verdict is not None:
        return result_of(ran.verdict, site)
    return without_verdict(site, ran.why, began, datetime.now(UTC))


def _within() -> list[str]:
    """SIGTERM, should we die: then it ends as if it had been told to, and leaves nothing behind."""
    return ["setpriv", "--pdeathsig", "TERM", "--", "sh", "-c", _IF_WE_LIVE, str(os.getpid())]
