"""What a guest's console tells: whether it is in trouble."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.custodian.logs import DROPPED
from harness.errors import HarnessError

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

_TRACE, _CUT = "Call Trace:", "[ cut here ]"
_OPENS = re.compile(rf"WARNING: |INFO: |BUG: |Oops\b|rcu: |{_TROUBLE.pattern.replace(f'|{_TRACE}', '')}")
_LONGEST_HEAD = 60
"""Lines from what opens a trace to the trace: registers, code, modules."""

_WARNING = "WARNING: "
_CHANGING = re.compile(r"^\[ *\d+\.\d+\](?:\[[^\]]*\])? *|\bCPU: \d+ PID: \d+|\b(?:0x)?[0-9a-f]{8,}\b")
"""What a line has otherwise at every boot: time, processor, process and addresses."""

_DROPPED = re.compile(re.escape(DROPPED).replace(re.escape("{}"), r"\d+"))


def lines(console: str) -> list[str]:
    """The console's lines, without colours and control characters, and none longer than a kernel writes."""
    cut = (line[:_LONGEST_LINE] for line in console.replace("\r", "\n").split("\n"))
    return [_CONTROL.sub("", line).rstrip() for line in cut]


def trouble(console: str) -> list[str]:
    """Lines that tell of a kernel, disk or memory in trouble; of a trace, the line that opens it.

    :raises HarnessError: none, in a console that is not whole.
    """
    told = lines(console)
    at = (_opening(told, number) for number, line in enumerate(told) if _TROUBLE.search(line))
    found = [told[number] for number in dict.fromkeys(at)]
    dropped = _DROPPED.match(console)
    if dropped and not found:
        raise HarnessError(
            f"the console is not whole, so what is not in it proves nothing: {dropped[0]}",
            hint="look in the evidence for what floods it",
        )
    return found


def usual_warnings(found: list[str], another_boot: Callable[[], str]) -> list[str]:
    """Of the trouble in a console, the warnings that this kernel gives on this host whenever it boots.

    A warning is what a kernel goes on after; of an oops, a panic or a broken disk it makes no difference that
    it comes at every boot.

    :param another_boot: boots the disk with the same kernel once more, and has what it said.
    """
    warnings = [line for line in found if _WARNING in line]
    if not warnings:
        return []
    there = {_essence(line) for line in lines(another_boot())}
    return [line for line in warnings if _essence(line) in there]


def _essence(line: str) -> str:
    return _CHANGING.sub("", line)


def _opening(told: list[str], number: int) -> int:
    """The line that says what a trace is about; itself for any other line, and for a trace without one."""
    if _TRACE not in told[number]:
        return number
    for before in range(number - 1, max(-1, number - 1 - _LONGEST_HEAD), -1):
        if _TRACE in told[before]:
            break  # another one's
        if _CUT in told[before] and before + 1 < number:
            return before + 1
        if _OPENS.search(told[before]):
            return before
    return number
