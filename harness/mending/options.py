"""The command line of ``python -m harness mend``."""

from __future__ import annotations

import argparse
from pathlib import Path

EVIDENCE = Path("evidence")
FEW_VMMS = 3
"""So many VMMs are ended by `--yes` without a word about their number."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of the verb."""
    parser.add_argument(
        "--site", type=Path, metavar="FILE", help="look afresh, instead of the last verdict's"
    )
    parser.add_argument("-o", type=Path, metavar="PLAN", dest="output", help="write the plan, as JSON")
    parser.add_argument(
        "--apply", nargs="?", type=Path, const=Path(), metavar="PLAN", help="do it: this plan, or a fresh one"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for each operation")
    parser.add_argument(
        "--vmms",
        type=int,
        metavar="N",
        help=f"so many VMMs may be ended: where none has a live row, and by --yes more than {FEW_VMMS}",
    )
    parser.add_argument("--undo", metavar="RUN", help="put back the rows that a run of mend changed")
    parser.add_argument(
        "--emergency", action="store_true", help="the emergency workaround: EVERY Browser VM is destroyed"
    )
    parser.add_argument("--evidence-dir", type=Path, default=EVIDENCE, metavar="DIR", help="(evidence/)")
