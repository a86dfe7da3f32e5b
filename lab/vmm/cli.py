"""The command line: what Firecracker prints and how it ends. Nothing heavy is imported before the socket."""

import os
import signal
import sys
from collections.abc import Sequence

from lab.vmm.faults import Aborted, Exit, Fault
from lab.vmm.options import BAD_CONFIGURATION, FAILURE, FLAGS, LEVELS, WITH_VALUE, parse
from lab.vmm.version import LOOK_ALIKE, VERSION, snapshot_version_text


def _help() -> str:
    rows = [f"  {name} <value>" for name in WITH_VALUE] + [f"  {name}" for name in FLAGS]
    return "\n".join(
        [f"Firecracker v{VERSION}", LOOK_ALIKE, "", "USAGE: firecracker [OPTION]...", *rows, "  --help"]
    )


def _printed(argv: Sequence[str]) -> str | None:
    """The text of an option that only prints; help and version win over all else."""
    known = argv[: list(argv).index("--")] if "--" in argv else argv
    if "-h" in known or "--help" in known:
        return _help()
    if "--version" in known:
        return f"Firecracker v{VERSION}\n\n{LOOK_ALIKE}"
    options = parse(argv)
    if "--snapshot-version" in options.flags:
        return snapshot_version_text()
    if "--describe-snapshot" in options.values:
        return _describe(options.values["--describe-snapshot"])
    return None


def _describe(path: str) -> str:
    from pathlib import Path

    from lab.vmm.snapshot import read_version

    try:
        return read_version(Path(path))
    except Fault as error:
        raise Exit(FAILURE, f"When printing Snapshot Data format: {error}") from error


def main(argv: list[str]) -> int:
    """Run the VMM; returns the exit code (a panic ends in SIGABRT instead)."""
    try:
        code = _run(argv)
    except Exit as ending:
        _tell(str(ending), f"Firecracker exiting with error. exit_code={ending.code}")
        print(f"Error: {ending}", file=sys.stderr)
        code = ending.code
    except Aborted as panic:
        _tell("Firecracker panicked at lab.vmm:")
        print(panic, flush=True)
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        os.abort()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # nothing is left to tidy, and asyncio's own tidying needs a running loop


def _tell(*lines: str) -> None:
    """What there is to say at an end goes where the log goes as long as it has no file: to stdout."""
    from lab.vmm.logger import Logger

    log = Logger("anonymous-instance")
    for line in lines:
        log.error(line)


def _run(argv: list[str]) -> int:
    printed = _printed(argv)
    if printed is not None:
        print(printed, flush=True)
        return 0
    options = parse(argv)
    if options.values.get("--level", "info").lower() not in LEVELS:
        raise Exit(
            BAD_CONFIGURATION,
            "Invalid value for logger level: Failed to parse string to level filter: "
            f"{options.values['--level']}.Possible values: [Error, Warning, Info, Debug]",
        )
    from lab.vmm.process import run

    return run(options, argv)
