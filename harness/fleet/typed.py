"""What was typed for a fleet, as the command line of the engine that asks it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from harness.errors import UsageError
from harness.fleet.shares import Shard, canaries
from harness.fleet.sites import Fleet, read_fleet
from harness.suite import ROOT
from harness.text import one_line

EVIDENCE = ROOT / "evidence" / "fleet"
"""Where all of it is kept, if nothing else is said."""
_ENGINE = ROOT / "fixtures" / "fleet" / "engine.ini"
_WORKERS = "auto"
_RESTARTS = 4
"""Times that workers are begun anew, for each of them: one that cannot begin at all never would."""
_SCOPES = ("acceptance", "smoke")


def engine_words(typed: Sequence[str], here: Path, scope: str) -> list[str]:
    """The engine's command line.

    :raises UsageError: something was typed that a fleet cannot do.
    """
    given = _typed(typed)
    if not given.fleet:
        raise UsageError("--fleet: expected on the command line, with a path", hint="--fleet=sites/")
    if scope not in _SCOPES:
        raise UsageError("--fleet goes with -m smoke or -m acceptance alone", hint="-m smoke --fleet=PATH")
    if given.max_failing is not None and given.max_failing < 1:
        raise UsageError("--max-failing: expected 1 or more", hint="--max-failing=3")
    fleet = read_fleet(here / given.fleet)
    sites = len(_part_of(fleet, given).sites)
    spread = [f"--tx={one}" for one in given.tx] + [f"--px={one}" for one in given.px]
    if given.tx and given.workers:
        raise UsageError(
            "-n starts workers here, --tx says where they are", hint="one of both: --tx=16*popen"
        )
    workers = _workers_of(given.tx) if given.tx else _workers(given.workers or _WORKERS, sites)
    if not given.tx:
        spread.append(f"-n{workers}")
    spread.append(f"--max-worker-restart={workers * _RESTARTS}")
    evidence = (here / given.evidence_dir) if given.evidence_dir else EVIDENCE
    terms = {
        "fleet": (here / given.fleet).absolute(),
        "fleet-evidence": evidence.absolute(),
        "fleet-scope": scope,
        "max-failing": given.max_failing,
        "canary": given.canary,
        "shard": given.shard,
    }
    said = [f"--{name}={value}" for name, value in terms.items() if value is not None]
    return [
        *("-m", "pytest", f"--config-file={_ENGINE}", "--noconftest", "--disable-plugin-autoload"),
        *("-p", "xdist", "-p", "fixtures.fleet.engine", "-p", "no:terminal", "-p", "no:cacheprovider"),
        *("-s", "--dist=load", *spread, *said),
    ]


def _typed(words: Sequence[str]) -> argparse.Namespace:
    """All that was typed: what is not known here would do nothing, and is refused."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ("--fleet", "--canary", "--shard", "--evidence-dir", "-m"):
        parser.add_argument(name)
    parser.add_argument("--max-failing", type=int)
    parser.add_argument("-n", "--numprocesses", dest="workers")
    for name in ("--tx", "--px"):
        parser.add_argument(name, action="append", default=[])
    try:
        given, others = parser.parse_known_args(list(words))
    except argparse.ArgumentError as error:
        raise UsageError(one_line(str(error)), hint="pytest --help") from error
    if others:
        raise UsageError(
            f"with --fleet, each site is asked in a run of its own, for which this is not meant: "
            f"{one_line(' '.join(others))}",
            hint="without it, or a run of one site: --site=FILE",
        )
    return given


def _part_of(fleet: Fleet, given: argparse.Namespace) -> Fleet:
    """What this run asks of it."""
    part = fleet.shard(Shard.read(given.shard) if given.shard else None)
    if not part.sites:
        raise UsageError(f"--shard={given.shard}: more parts than sites", hint="fewer parts")
    canaries(given.canary or fleet.canary, part.sites)
    return part


def _workers(typed: str, sites: int) -> int:
    """No more of them than there are sites."""
    if typed in ("auto", "logical"):
        return min(len(os.sched_getaffinity(0)), sites)
    if not typed.isdecimal() or not int(typed):
        raise UsageError(f"-n {one_line(typed)}: expected how many sites are asked at once", hint="-n 16")
    return min(int(typed), sites)


def _workers_of(tx: Sequence[str]) -> int:
    """As many as pytest-xdist reads ``8*popen`` for."""
    counts = (one.partition("*")[0] for one in tx)
    return sum(int(count) if count.isdecimal() else 1 for count in counts)
