"""Firecracker's options: their names, their grammar, and the exit codes of what is wrong with them.

Both the command line and the run read them, so they stand below both; like the command line they import
nothing heavy, since the socket comes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.vmm.faults import Aborted, Exit

ARGUMENT_ERROR, BAD_CONFIGURATION, FAILURE = 153, 152, 1
DEFAULT_SOCKET = "/run/firecracker.socket"
DEFAULT_PAYLOAD = 51200
MAX_DIGITS = 20
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
        if not (text.isascii() and text.isdigit() and len(text) < MAX_DIGITS):
            kind = "ParseIntError { kind: InvalidDigit }"
            raise Aborted(f"'{name[2:]}' parameter expected to be of 'usize' type.: {kind}")
        return int(text)


def parse(argv: Sequence[str]) -> Options:
    """Firecracker's own small grammar: ``--name value`` and nothing cleverer."""
    options = Options()
    words = list(argv[: argv.index("--")] if "--" in argv else argv)
    while words:
        name = words.pop(0)
        if name in options.values or name in options.flags:
            raise _misused(f"The argument '{name[2:]}' was provided more than once.")
        if name in FLAGS:
            options.flags.add(name)
        elif name in WITH_VALUE:
            if not words or words[0].startswith("--"):
                raise _misused(f"The argument '{name[2:]}' requires a value, but none was supplied.")
            options.values[name] = words.pop(0)
        else:
            told = name.removeprefix("--")
            raise _misused(f"Found argument '{told}' which wasn't expected, or isn't valid in this context.")
    _check_pairs(options)
    return options


def _check_pairs(options: Options) -> None:
    if "--no-api" in options.flags and "--config-file" not in options.values:
        raise _misused("Argument 'config-file' required, but not found.")
    if "--no-api" in options.flags and "--api-sock" in options.values:
        raise _misused("Argument 'api-sock' cannot be used together with argument 'no-api'.")
    if "--no-seccomp" in options.flags and "--seccomp-filter" in options.values:
        raise _misused("Argument 'seccomp-filter' cannot be used together with argument 'no-seccomp'.")


def _misused(why: str) -> Exit:
    return Exit(ARGUMENT_ERROR, f"Arguments parsing error: {why} \n\nFor more information try --help.")
