"""The command line of ``python -m harness site init``."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of the verb."""
    parser.add_argument(
        "--host", required=True, metavar="USER@ADDRESS[:PORT]", help="or `local`: this machine"
    )
    parser.add_argument("--identity-file", metavar="FILE", help="private key for the host")
    parser.add_argument("--known-hosts-file", metavar="FILE", help="with the host's key; default: your own")
    parser.add_argument("--host-key-alias", metavar="NAME", help="its name in that file")
    parser.add_argument("--proxy-command", metavar="COMMAND", help="ssh's ProxyCommand")
    parser.add_argument(
        "--process-name",
        default="firecracker",
        metavar="NAME",
        help="what a VMM is called in the process table (%(default)s)",
    )
    parser.add_argument("--guest-key", metavar="FILE", help="private key that the golden snapshot lets in")
    parser.add_argument(
        "--database-url-env",
        default="ACCEPTANCE_DATABASE_URL",
        metavar="NAME",
        help="environment variable with the connection string (%(default)s)",
    )
    parser.add_argument("--name", help="what the verdict calls the site; default: the host's address")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: it is printed")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")
