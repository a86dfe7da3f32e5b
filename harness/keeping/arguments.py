"""What ``python -m harness vm`` takes: apart, for the rest loads all that connects."""

from __future__ import annotations

import argparse
from pathlib import Path

_VERBS = {
    "list": "the suite's VMs on the host: of runs that go on, and those that are kept",
    "ssh": "log in to one, or run a command there",
    "console": "what one has shown on its serial console",
    "vnc": "its screen: a page on loopback, noVNC's where the VM serves it, and a port for a VNC viewer",
    "drop": "remove one that is kept, before its time",
}


def add_arguments(noun: argparse.ArgumentParser) -> None:
    """The command line of the noun."""
    verbs = noun.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, what in _VERBS.items():
        one = verbs.add_parser(verb, help=what)
        one.add_argument("--site", type=Path, metavar="FILE", help="default: as a run would choose")
        if verb != "list":
            one.add_argument("name", metavar="NAME", help="as the list and the verdict have it")
        if verb == "ssh":
            one.add_argument(
                "words", nargs=argparse.REMAINDER, metavar="COMMAND", help="default: a login shell"
            )
        if verb == "vnc":
            one.add_argument(
                "--picture", type=Path, metavar="FILE", help="only write what it shows now, as PNG"
            )
