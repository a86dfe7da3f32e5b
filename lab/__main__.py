"""``python -m lab``: build the lab's parts, bring the host twin up, look into it, take it down.

The verbs of the twin live in ``lab.minipc.verbs``, one function ``verb(args) -> exit status`` each; they are
imported when asked for, so that building an image needs nothing of the twin.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from pathlib import Path

from harness.errors import HarnessError, UsageError
from lab.paths import lab_paths

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m lab", description=(__doc__ or "").splitlines()[0])
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    build = verbs.add_parser("build", help="build a part; done only when one of its inputs changed")
    build.add_argument(
        "part", choices=("browser", "minipc"), help="the golden Browser VM, or the host twin's tree"
    )
    build.add_argument("--force", action="store_true", help="build even when nothing changed")
    up = verbs.add_parser("up", help="bring the host twin up and write the lab's site profile (idempotent)")
    up.add_argument(
        "--deployment",
        choices=("runbook", "coldboot", "netns", "trixie"),
        help="which service it has; default the one it had last, at first the runbook's",
    )
    up.add_argument(
        "--host",
        choices=("nspawn", "kvm"),
        help="what it runs on: a container with the lab's own VMM, or a machine with KVM and the real"
        " Firecracker; default the one it had last, at first nspawn",
    )
    up.add_argument(
        "--firecracker",
        metavar="FILE",
        help="the Firecracker that the machine has, or 'original' for the one that is fetched;"
        " default the one it had last",
    )
    verbs.add_parser("status", help="say what is built and what runs")
    verbs.add_parser("shell", help="a root shell in the host twin")
    ssh = verbs.add_parser("ssh", help="a shell, or one command, in a running VM")
    ssh.add_argument("vm", help="VM id, or the beginning of one")
    ssh.add_argument("command", nargs=argparse.REMAINDER, help="a command for the VM")
    dashboard = verbs.add_parser("dashboard", help="offer the twin's dashboard on this machine's loopback")
    dashboard.add_argument("--port", type=int, default=4000, help="this machine's port (%(default)s)")
    verbs.add_parser("faults", help="name each check that a fault turns red, and the fault, a line each")
    verbs.add_parser("causes", help="name each cause that a fault shows, and the fault, a line each")
    down = verbs.add_parser("down", help="take everything down; what was built stays")
    down.add_argument("--purge", action="store_true", help="delete what was built, too")
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one verb; the lab's own trouble is one message, not a traceback."""
    args = parser().parse_args(argv)
    if args.verb == "faults":
        print("\n".join(_faults()))
        return 0
    if args.verb == "causes":
        print("\n".join(_causes()))
        return 0
    in_image = args.verb == "build" and args.part == "browser"
    module = "lab.image.verbs" if in_image else "lab.minipc.verbs"
    try:
        _need_root()
        return int(getattr(importlib.import_module(module), args.verb)(args))
    except HarnessError as error:
        print(f"lab {args.verb}: {error}", file=sys.stderr)
        return 3
    except (KeyboardInterrupt, BrokenPipeError):
        print(f"lab {args.verb}: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"lab {args.verb}: {error}{_about_home(error)}", file=sys.stderr)
        return 3


def _faults() -> list[str]:
    """``<check> <fault>``, as ``python -m harness explain`` reads it; it needs no lab that is up."""
    from lab.faults.fault import all_faults  # here: it loads every fault, and no other verb needs one

    return [f"{check} {one.name}" for one in all_faults() for check in sorted(one.reds)]


def _causes() -> list[str]:
    """``<cause> <fault>``, as ``python -m harness causes`` reads it."""
    from lab.faults.fault import all_faults  # here, too

    return [f"{one.cause} {one.name}" for one in all_faults() if one.cause]


def _about_home(error: OSError) -> str:
    """What to look at where it is the lab's own folder that cannot be written."""
    home = lab_paths().home
    within = Path(str(error.filename)).is_relative_to(home) if error.filename else error.errno in _NO_ROOM
    hint = f"can the lab's folder (LAB_HOME), {home}, be written to, and is there room?"
    return f"\n  next: {hint}" if within else ""


def _need_root() -> None:
    if os.geteuid() != 0:
        raise UsageError(
            f"the lab is root's, and this is user {os.geteuid()}: it needs loop devices, TAPs and namespaces",
            hint="run it as root, with the same LAB_HOME where one is set",
        )


if __name__ == "__main__":
    sys.exit(main())
