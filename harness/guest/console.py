"""What a guest's console tells: whether a kernel booted, and whether it is in trouble."""

from __future__ import annotations

import re

from harness.custodian.logs import DROPPED
from harness.errors import HarnessError

_BOOT = re.compile(
    r"Linux version \d|Command line: |Booting Linux|Run /\S*init as init process|Freeing unused kernel image"
    r"|systemd\[1\]: systemd \S+ running in system mode|Welcome to .*!$"
)
_TROUBLE = re.compile(
    r"Kernel panic|\bOops\b|\bBUG: |kernel BUG at|soft lockup|hard LOCKUP"
    r"|rcu.*(?:detected stall|self-detected stall|kthread starved)"
    r"|I/O error|EXT4-fs error|EXT4-fs \(\S+\): Remounting filesystem read-only|Aborting journal"
    r"|Out of memory: Kill|blocked for more than \d+ seconds|general protection fault|Call Trace:"
    r"|Unable to handle kernel|invalid opcode|Unable to mount root|Emergency Mode|emergency mode"
)
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_LONGEST_LINE = 2048
"""Of a line, patterns see so much: some of them take the square of its length."""

_DROPPED = re.compile(re.escape(DROPPED).replace(re.escape("{}"), r"\d+"))


def lines(console: str) -> list[str]:
    """The console's lines, without colours and control characters, and none longer than a kernel writes."""
    cut = (line[:_LONGEST_LINE] for line in console.replace("\r", "\n").split("\n"))
    return [_CONTROL.sub("", line).rstrip() for line in cut]


def boot_lines(console: str) -> list[str]:
    """Lines that only a booting kernel or init prints.

    :raises HarnessError: none, in a console that is not whole.
    """
    return _found(_BOOT, console)


def trouble(console: str) -> list[str]:
    """Lines that tell of a kernel, disk or memory in trouble.

    :raises HarnessError: none, in a console that is not whole.
    """
    return _found(_TROUBLE, console)


def _found(wanted: re.Pattern[str], console: str) -> list[str]:
    found = [line for line in lines(console) if wanted.search(line)]
    dropped = _DROPPED.match(console)
    if dropped and not found:
        raise HarnessError(
            f"the console is not whole, so what is not in it proves nothing: {dropped[0]}",
            hint="look in the evidence for what floods it",
        )
    return found
