"""What a guest's console tells: whether a kernel booted, and whether it is in trouble."""

from __future__ import annotations

import re

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


def lines(console: str) -> list[str]:
    """The console's lines, without colours and control characters, and none longer than a kernel writes."""
    cut = (line[:_LONGEST_LINE] for line in console.replace("\r", "\n").split("\n"))
    return [_CONTROL.sub("", line).rstrip() for line in cut]


def boot_lines(console: str) -> list[str]:
    """Lines that only a booting kernel or init prints."""
    return [line for line in lines(console) if _BOOT.search(line)]


def trouble(console: str) -> list[str]:
    """Lines that tell of a kernel, disk or memory in trouble."""
    return [line for line in lines(console) if _TROUBLE.search(line)]
