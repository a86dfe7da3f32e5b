"""The command line of ``python -m harness vm``."""

from __future__ import annotations

import argparse
import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from harness.errors import UsageError
from harness.host.hypervisor import Hypervisor
from harness.keeping.found import console, drop, find, list_vms
from harness.keeping.reach import ssh
from harness.keeping.screen import picture, shown, vnc_of
from harness.outward import told
from harness.site.choice import choose_site
from harness.site.load import load_site
from harness.text import one_line

_LOOK_S = 10.0

Say = Callable[[str], None]


def main(args: argparse.Namespace, *, say: Say) -> int:
    """One verb. 0 well; what ``ssh`` came to; errors are the caller's to tell."""
    site = load_site(choose_site(args.site, os.environ))
    with Hypervisor(site) as host:
        for line in host.reaped:
            say(told(line))
        if args.verb == "list":
            _list(host, say)
        elif args.verb == "ssh":
            return ssh(host, args.name, args.words)
        elif args.verb == "console":
            say(told(console(host, args.name)))
        elif args.verb == "drop":
            drop(host, args.name)
            say(told(f"{args.name}: dropped"))
        else:
            _show(host, args.name, args.picture, say)
    return 0


def _list(host: Hypervisor, say: Say) -> None:
    found = list_vms(host)
    for one in found:
        say(told(str(one)))
    if not found:
        say(told(f"no VM of the suite is on the host of {host.site.name}"))


def _show(host: Hypervisor, name: str, file: Path | None, say: Say) -> None:
    """A picture into a file, or all ways to see it until the VM goes, or somebody interrupts."""
    find(host, name, running=True)
    if file is not None:
        with vnc_of(host, name) as way:
            _write(file, picture(host, way))
        say(told(f"{name}: what its screen shows is in {file}"))
        return
    with shown(host, name) as lines, contextlib.suppress(KeyboardInterrupt):
        for line in lines:
            say(told(line))
        say("until Ctrl-C, and so long for every user of this machine who finds the port")
        while _is_there(host, name):
            threading.Event().wait(_LOOK_S)
        say(told(f"{name} is gone"))


def _is_there(host: Hypervisor, name: str) -> bool:
    return any(one.name == name and one.runs for one in list_vms(host))


def _write(file: Path, content: bytes) -> None:
    """Nobody else is to see what the screen shows."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as written:
            written.write(content)
    except OSError as error:
        raise UsageError(
            f"--picture={one_line(str(file)[:300])}: {error.strerror}",
            hint="--picture= a place that can be written to",
        ) from error
