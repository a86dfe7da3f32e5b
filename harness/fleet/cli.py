"""The command line of ``python -m harness fleet``."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from harness.errors import UsageError
from harness.fleet.document import NAME, schema
from harness.fleet.merge import merge
from harness.fleet.report import rendered
from harness.fleet.sites import read_fleet
from harness.whole import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    one = verbs.add_parser("merge", help="the verdict on a fleet, of the verdicts of many machines or jobs")
    one.add_argument(
        "verdicts", type=Path, nargs="+", metavar="VERDICT", help=f"{NAME}, verdict.json, or a folder of one"
    )
    one.add_argument(
        "--fleet", type=Path, metavar="PATH", help="all sites that should be there: as pytest --fleet has it"
    )
    one.add_argument("-o", type=Path, metavar="FILE", dest="output", help=f"write it, as {NAME}")
    verbs.add_parser("schema", help="print docs/fleet.schema.json from the model")


def main(args: argparse.Namespace) -> int:
    """The exit status is that of the worst site."""
    if args.verb == "schema":
        print(schema(), end="")
        return 0
    merged = merge(args.verdicts, read_fleet(args.fleet) if args.fleet else None)
    print(rendered(merged, width=min(shutil.get_terminal_size().columns, 100)))
    if args.output:
        try:
            write_whole(args.output, merged.model_dump_json(indent=1).encode())
        except OSError as error:
            raise UsageError(f"{args.output}: {error.strerror}", hint="-o FILE") from error
    return merged.exit_status
