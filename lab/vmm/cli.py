"""The command line: Firecracker's options and exit codes. Nothing heavy is imported before the socket."""

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.vmm.faults import Aborted, Exit
from lab.vmm.version import LOOK_ALIKE, VERSION, snapshot_version_text

ARGUMENT_ERROR, BAD_CONFIGURATION, FAILURE = 153, 152, 1
DEFAULT_SOCKET = "/run/firecracker.socket"
DEFAULT_PAYLOAD = 51200
WITH_VALUE = (
    *(
        "--api-sock",
        "--id",
        "--config-file",
        "--metadata",
        "--log-path",
        "--level",
        "--module",
        "--metrics-path",
    ),
    *("--seccomp-filter", "--http-api-max-payload-size", "--mmds-size-limit", "--describe-snapshot"),
    *("--start-time-us", "--start-time-cpu-us", "--parent-cpu-time-us"),
)
FLAGS = (
    *("--no-api", "--show-level", "--show-log-origin", "--boot-timer", "--no-seccomp", "--enable-pci"),
    *("--version", "--snapshot-version"),
)
LEVELS = ("off", "trace", "debug", "info", "warn", "warning", "error")


@dataclass(slots=True)
class Options:
    """What was given."""

    values: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)

    def number(self, name: str, default: int) -> int:
        """A size in bytes; Firecracker panics where it is no number."""
        text = self.values.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()):
            raise Aborted(f"{name} {text!r} is not a number")
        return int(text)


def parse(argv: Sequence[str]) -> Options:
    """Firecracker's own small grammar: ``--name value`` and nothing cleverer."""
    options = Options()
    words = list(argv[: argv.index("--")] if "--" in argv else argv)
    while words:
        name = words.pop(0)
        if name in options.values or name in options.flags:
            raise Exit(ARGUMENT_ERROR, f"The argument '{name}' was provided more than once.")
        if name in FLAGS:
            options.flags.add(name)
        elif name in WITH_VALUE:
            if not words or words[0].startswith("--"):
                raise Exit(ARGUMENT_ERROR, f"The argument '{name}' requires a value, but none was supplied.")
            options.values[name] = words.pop(0)
        else:
            raise Exit(
                ARGUMENT_ERROR,
                f"Found argument '{name}' which wasn't expected, or isn't valid in this context.",
            )
    _check_pairs(options)
    return options


def _check_pairs(options: Options) -> None:
    if "--no-api" in options.flags and "--config-file" not in options.values:
        raise Exit(ARGUMENT_ERROR, "Argument '--no-api' required, but not found: '--config-file'.")
    if "--no-api" in options.flags and "--api-sock" in options.values:
        raise Exit(ARGUMENT_ERROR, "Argument '--api-sock' cannot be used together with argument '--no-api'.")
    if "--no-seccomp" in options.flags and "--seccomp-filter" in options.values:
        raise Exit(ARGUMENT_ERROR, "Argument '--seccomp-filter' cannot be used together with '--no-seccomp'.")


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

    from lab.vmm.snapshot import SnapshotError, read_version

    try:
        return read_version(Path(path))
    except SnapshotError as error:
        raise Exit(FAILURE, f"SnapshotVersion({error})") from error


def main(argv: list[str]) -> int:
    """Run the VMM; returns the exit code (a panic ends in SIGABRT instead)."""
    try:
        code = _run(argv)
    except Exit as ending:
        print(f"Error: {ending}", file=sys.stderr)
        code = ending.code
    except Aborted as panic:
        print(f"panicked: {panic}", file=sys.stderr, flush=True)
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        os.abort()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # nothing is left to tidy, and asyncio's own tidying needs a running loop


def _run(argv: list[str]) -> int:
    printed = _printed(argv)
    if printed is not None:
        print(printed, flush=True)
        return 0
    options = parse(argv)
    if options.values.get("--level", "info").lower() not in LEVELS:
        raise Exit(BAD_CONFIGURATION, f"invalid level {options.values['--level']!r}")
    from lab.vmm.process import run

    return run(options, argv)
