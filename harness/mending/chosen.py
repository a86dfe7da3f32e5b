"""Which site is mended, and what of it: what was typed, what was written, and what the last run was about."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from harness.errors import UsageError
from harness.mending.last_verdict import last_verdict
from harness.mending.operations import Plan, read_plan
from harness.mending.planning import MENDABLE
from harness.site.choice import choose_site


def chosen(
    args: argparse.Namespace, written: Plan | None, environ: Mapping[str, str]
) -> tuple[Path, list[str]]:
    """The profile, and the checks whose findings are mended.

    :raises UsageError: none is named, or two that differ.
    """
    if args.undo or args.emergency:
        return choose_site(args.site, environ), []
    exported = environ.get("ACCEPTANCE_SITE")
    named = args.site or (Path(exported) if exported else None)
    if written is not None:
        _require_one(Path(written.profile), f"{args.apply} is about", named)
        return Path(written.profile), written.checks
    if args.site is not None:
        return args.site, list(MENDABLE)
    verdict = last_verdict(args.evidence_dir)
    _require_one(verdict.profile, "the last verdict is about", named)
    return verdict.profile, list(dict.fromkeys(verdict.failed))


def _require_one(profile: Path, what: str, named: Path | None) -> None:
    """Nobody's site is mended where another was meant."""
    if named is not None and named.resolve() != profile.resolve():
        raise UsageError(
            f"{what} {profile}, and --site or ACCEPTANCE_SITE names {named}",
            hint="say which one is meant, by --site=FILE and no plan",
        )


def read_private_plan(file: Path) -> Plan:
    """A plan that was written, to a file that nobody else can write.

    :raises UsageError: others can, or it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            found = os.fstat(opened.fileno())
            text = opened.read().decode()
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{file}: {error}", hint="-o writes a plan") from error
    if found.st_mode & 0o022 or found.st_uid not in (os.geteuid(), 0):
        raise UsageError(f"{file}: others can write it", hint="make a fresh one by -o: it is private")
    return read_plan(text, whose=str(file))
