"""The gate's part of the command line."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.outward import told
from harness.site.load import load_site

if TYPE_CHECKING:
    from harness.gate.ask import Conditions


def add_words(gate: argparse.ArgumentParser) -> None:
    """Its options."""
    gate.add_argument("--site", dest="file", type=Path, metavar="FILE", help="default: as a run would choose")
    gate.add_argument(
        "--candidate",
        type=PurePosixPath,
        metavar="DIR",
        help="of the snapshot in that folder of the host, which is not golden yet",
    )
    add_conditions(gate)
    gate.set_defaults(verb="gate")


def add_conditions(gate: argparse.ArgumentParser) -> None:
    """Which verdicts count."""
    gate.add_argument(
        "--evidence-dir", type=Path, metavar="DIR", help="where runs keep their verdicts (default: evidence/)"
    )
    gate.add_argument(
        "--max-age", metavar="SPAN", help="the oldest verdict that counts, as 90s, 30m, 12h or 7d"
    )
    gate.add_argument(
        "--checks",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="checks of your own, where runs had this option; those of the profile are known by it",
    )
    gate.add_argument(
        "--fresh", action="store_true", help="read every file, whatever the host remembers of it"
    )
    whose = gate.add_mutually_exclusive_group()
    whose.add_argument(
        "--trust",
        type=Path,
        metavar="KEY.pub",
        help="only a verdict counts that this key's owner signed",
    )
    whose.add_argument(
        "--sign-key",
        type=Path,
        metavar="KEY",
        help="the same, for who has the private key that runs sign with",
    )


def add_promotion(promote: argparse.ArgumentParser) -> None:
    """Options of a promotion."""
    promote.add_argument("folder", type=PurePosixPath, nargs="?", metavar="DIR", help="on the site's host")
    promote.add_argument("--back", action="store_true", help="to the snapshot that was golden before")
    promote.add_argument(
        "--again",
        action="store_true",
        help="with --back, after a --back: to the one that was golden then",
    )
    promote.add_argument(
        "--site", dest="file", type=Path, metavar="FILE", help="default: as a run would choose"
    )
    add_conditions(promote)
    promote.set_defaults(verb="promote")


def conditions_of(args: argparse.Namespace) -> Conditions:
    """What was typed of them.

    :raises UsageError: it is no time span.
    """
    from harness.gate import ask  # here: it loads all that connects

    max_age = ask.span(args.max_age) if args.max_age is not None else None
    return ask.Conditions(
        args.evidence_dir or ask.EVIDENCE,
        max_age,
        args.fresh,
        args.trust,
        args.sign_key,
        checks=tuple(args.checks),
    )


def answer_gate(args: argparse.Namespace, profile: Path) -> int:
    """Say ALLOW or DENY: 0 only for the first, 1 for the second, 3 it could not be asked, 4 a mistake."""
    from harness.gate import ask  # here: it loads all that connects

    try:
        site = load_site(profile)
        conditions = replace(conditions_of(args), candidate=args.candidate)
        answer = ask.ask_gate(site, conditions)
    except HarnessError as error:
        print(told(str(error)), file=sys.stderr)
        return ask.status_of(error)
    print(told(str(answer)))
    return ask.ALLOW if answer.allows else ask.DENY
