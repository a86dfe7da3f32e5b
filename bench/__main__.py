"""``python -m bench``: run all parts, or those named, and print their figures; or soak the lab."""

from __future__ import annotations

import argparse
import importlib
import sys

from rich.console import Console
from rich.markup import escape

from bench.report import render
from bench.soak import command
from harness.errors import HarnessError

NOT_SOAKED = 2
PARTS = {
    "restore": "Restore of a clone against a bare QEMU restore, and against a cold boot",
    "guest": "What the checks of a guest ask: one look over one shell, against plain testinfra",
    "clones": "Clones side by side",
    "fleet": "Many sites: what the suite itself costs for each",
    "run": "Where each second of an acceptance run goes",
    "database": "What the checks of the database ask, at 1,000 and 1,000,000 rows",
}


def main() -> int:
    """Run the parts named on the command line. 0 when each could be measured, aims missed or not."""
    console = Console(width=140 if not sys.stdout.isatty() else None)
    if sys.argv[1:2] == ["soak"]:
        return _soak(console)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="part", help=f"any of {', '.join(PARTS)}; default all; or: soak --help"
    )
    chosen = parser.parse_args().parts or list(PARTS)
    unknown = [part for part in chosen if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    broken = 0
    for part in chosen:
        try:
            render(PARTS[part], importlib.import_module(f"bench.{part}").measure(), console)
        except HarnessError as error:
            console.print(f"[bold red]{part}: {error}")
            broken = 1
    return broken


def _soak(console: Console) -> int:
    try:
        return command.main(sys.argv[2:], console)
    except HarnessError as error:
        console.print(f"[bold red]soak: {escape(str(error))}", soft_wrap=True)
        return NOT_SOAKED


if __name__ == "__main__":
    sys.exit(main())
