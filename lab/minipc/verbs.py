"""The verbs of ``python -m lab`` for the twin, each ``verb(args) -> exit status``."""

from __future__ import annotations

import argparse
import os
import sys

from harness.errors import UsageError
from lab import store
from lab.minipc import access, belongings, console, hosts, keys, nspawn, report, tree, twin
from lab.paths import lab_paths


def build(args: argparse.Namespace) -> int:
    """Build the twin's tree."""
    paths = lab_paths()
    with twin.lock(paths):
        store.mount(paths)
        keys.ensure(paths)
        if nspawn.find(paths) and (args.force or not tree.is_current(paths)):
            raise UsageError(f"the twin runs on {paths.minipc}", hint="python -m lab down")
        made = tree.build(paths, force=args.force)
    print("minipc: built" if made else "minipc: up to date")
    return 0


def up(args: argparse.Namespace) -> int:
    """Bring everything up."""
    twin.up(lab_paths(), as_deployment=args.deployment, on_host=args.host, firecracker=args.firecracker)
    return 0


def status(_args: argparse.Namespace) -> int:
    """Say what there is; 0 when the twin is up and well."""
    return 0 if report.show(lab_paths()) else 1


def shell(_args: argparse.Namespace) -> int:
    """Become a root shell in the twin."""
    words = [
        "env",
        "-i",
        "HOME=/root",
        f"TERM={os.environ.get('TERM', 'dumb')}",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "bash",
        "-l",
    ]
    return _become([str(word) for word in twin.running(lab_paths()).terminal(words)])


def ssh(args: argparse.Namespace) -> int:
    """Become an ssh to a VM of the twin."""
    paths = lab_paths()
    host = twin.running(paths)
    address = report.address_of(host, args.vm)
    return _become([str(word) for word in (*access.ssh_to_vm(paths, host, address), *args.command)])


def dashboard(args: argparse.Namespace) -> int:
    """Become a forward from a port of this machine's loopback to the dashboard, until interrupted."""
    entry = twin.running(lab_paths()).door(4000).replace(":", r"\:")  # socat's own separator
    print(f"the dashboard: http://127.0.0.1:{args.port}/ (Ctrl-C ends it)")
    return _become(["socat", f"TCP-LISTEN:{args.port},bind=127.0.0.1,fork,reuseaddr", f"EXEC:{entry}"])


def down(args: argparse.Namespace) -> int:
    """Take everything down."""
    paths = lab_paths()
    with twin.lock(paths):
        hosts.stop(paths)
        store.unmount(paths)
        paths.site.unlink(missing_ok=True)
        console.forget(paths)
        if args.purge and (others := belongings.remove(paths)):
            some = ", ".join(others[:5]) + (f", … ({len(others)} in all)" if others[5:] else "")
            print(f"{paths.home} stays, for what in it is not the lab's: {some}")
    return 0


def _become(words: list[str]) -> int:
    sys.stdout.flush()
    os.execvp(words[0], words)  # noqa: S606 - the terminal is handed over, so no child of ours
