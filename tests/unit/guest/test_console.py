"""What a guest's console tells."""

from __future__ import annotations

import pytest

from harness.custodian.logs import DROPPED
from harness.errors import HarnessError
from harness.guest import console

TROUBLE = [
    "[    9.1] Kernel panic - not syncing: VFS: Unable to mount root fs",
    "[   12.0] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [node:412]",
    "[   12.0] rcu: INFO: rcu_preempt self-detected stall on CPU",
    "[   12.0] rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
    "\x1b[31m[   12.0] blk_update_request: I/O error, dev vda, sector 0\x1b[0m",
    "[   12.0] EXT4-fs error (device vda): ext4_find_entry:1463: inode #2",
    "[   12.0] Oops: 0000 [#1] SMP",
    "[   12.0] Out of memory: Killed process 412 (node)",
    "[   12.0] INFO: task node:412 blocked for more than 120 seconds.",
]


@pytest.mark.parametrize("line", TROUBLE)
def test_trouble_is_seen(line: str) -> None:
    assert len(console.trouble(f"fine\r\n{line}\r\nfine")) == 1


@pytest.mark.parametrize(
    "line",
    [
        "[    0.0] EXT4-fs (vda): mounted filesystem with ordered data mode",
        "clone-guard: restored in 0.1 s",
        "[    1.0] rcu: Hierarchical SRCU implementation.",
        "[    1.0] debug: no problem",
    ],
)
def test_ordinary_lines_are_no_trouble(line: str) -> None:
    assert console.trouble(line) == []


def test_a_console_that_is_not_whole_proves_nothing() -> None:
    flooded = f"{DROPPED.format(12345)}\nnoise\n"
    with pytest.raises(HarnessError, match=r"the oldest 12345 bytes were dropped"):
        console.trouble(flooded)
    assert len(console.trouble(f"{flooded}{TROUBLE[0]}\n")) == 1


WARNED = "[    0.4] WARNING: CPU: 0 PID: 0 at arch/x86/kernel/fpu/xstate.c:862 check+0x1/0x2"
HEAD = """[    0.4] Modules linked in:
[    0.4] CPU: 0 PID: 0 Comm: swapper/0 Not tainted 6.1.0-25-cloud-amd64 #1  Debian 6.1.106-3
[    0.4] RIP: 0010:check+0x1/0x2
[    0.4] Call Trace:
[    0.4]  <TASK>
[    0.4]  start_kernel+0x1/0x2"""
CUT = "[    0.4] ------------[ cut here ]------------"
PAGE = "[    9.9] BUG: unable to handle page fault for address: ffff"
TRACES = {
    "a warning": (f"{CUT}\n{WARNED}\n{HEAD}", [WARNED]),
    "one of a text of its own": (f"{CUT}\nodd: something is off\n{HEAD}", ["odd: something is off"]),
    "two": (f"{CUT}\n{WARNED}\n{HEAD}\n{PAGE}\n{HEAD}", [WARNED, PAGE]),
    "trouble that is told already": (f"{PAGE}\n{HEAD}", [PAGE]),
    "one whose beginning is lost": (HEAD, ["[    0.4] Call Trace:"]),
    "one of which another's beginning is not": (
        f"{CUT}\n{WARNED}\n{HEAD}\n{HEAD}",
        [WARNED, "[    0.4] Call Trace:"],
    ),
}


@pytest.mark.parametrize(("said", "told"), TRACES.values(), ids=TRACES.keys())
def test_of_a_trace_the_line_that_opens_it_is_told(said: str, told: list[str]) -> None:
    assert console.trouble(f"[    0.0] Linux version 6.1\n{said}\n[    1.0] fine\n") == told


def usual(said: str, another: str) -> list[str]:
    """What of a console's trouble is usual, where another boot said that."""
    return console.usual_warnings(console.trouble(said), lambda: another)


@pytest.mark.parametrize(
    "opens", [WARNED, f"[    0.4] TSC is off by 0xffff8880deadbeef\n{WARNED}"], ids=["plain", "with a text"]
)
def test_a_warning_that_comes_at_every_boot_is_usual(opens: str) -> None:
    """At another time, on another processor, with other addresses."""
    again = (
        opens.replace("    0.4", "   12.5").replace("CPU: 0 PID: 0", "CPU: 1 PID: 77").replace("beef", "d00d")
    )
    said = f"{CUT}\n{opens}\n{HEAD}"
    assert usual(said, f"{CUT}\n{again}\n{HEAD}") == [WARNED]
    assert usual(said, "[    0.0] Linux version 6.1") == []
    assert usual(said, said.replace("xstate.c:862", "xstate.c:9")) == []


@pytest.mark.parametrize("line", TROUBLE)
def test_other_trouble_is_never_usual_and_no_vm_is_booted_for_it(line: str) -> None:
    def another() -> str:
        raise AssertionError(line)

    assert console.usual_warnings(console.trouble(line), another) == []
