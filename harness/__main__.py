"""``python -m harness``: look at a site profile outside of a run."""

from __future__ import annotations

import argparse
import io
import os
import sys
import tomllib
from pathlib import Path
from typing import NoReturn

from harness.errors import HarnessError
from harness.outward import told
from harness.site.choice import choose_site
from harness.site.docs import site_docs, site_values
from harness.site.load import load_site
from harness.site.reading import shown
from harness.text import one_line


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with what was typed as everything else here does."""

    def error(self, message: str) -> NoReturn:
        self.exit(4, f"{one_line(message)}\n  next: {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = _Parser(prog="python -m harness", description=(__doc__ or "").splitlines()[0])
    top.add_argument("--version", action="version", version=_version())
    site = top.add_subparsers(dest="noun", required=True, metavar="site").add_parser(
        "site", help="the site profile"
    )
    verbs = site.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, what in {
        "check": "validate a profile, and try every connection it describes",
        "show": "print every value in force, the defaults too",
    }.items():
        one = verbs.add_parser(verb, help=what)
        one.add_argument("file", type=Path, nargs="?", help="default: as a run would choose")
    verbs.add_parser("docs", help="print docs/site-profile.md from the model")
    return top


def _version() -> str:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    return f"{project['name']} {project['version']}"


def main(argv: list[str] | None = None) -> int:
    """Run one verb. 0 well, 1 a connection failed, 4 what was typed, or the profile, must be mended."""
    if not __debug__:
        print("python -O removes assertions\n  next: without -O and PYTHONOPTIMIZE", file=sys.stderr)
        return 4
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may lack a site's letters, or ours
    args = parser().parse_args(argv)
    try:
        if args.verb == "docs":
            print(site_docs(), end="")
            return 0
        return _with_profile(args.verb, choose_site(args.file, os.environ))
    except HarnessError as error:
        print(told(str(error)), file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _with_profile(verb: str, path: Path) -> int:
    site = load_site(path)
    if verb == "show":
        print(told(site_values(site)))
        return 0
    from harness.site_check import check_site  # here: it loads all that connects, and `show` needs none of it

    print(told(f"{shown(path)}: valid, {site.name}"), flush=True)
    return 0 if check_site(site, lambda line: print(line, flush=True)) else 1


if __name__ == "__main__":
    sys.exit(main())
