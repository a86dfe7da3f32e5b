"""What a console shows of a guest that did not come up: the first of these is the cause, the rest follows."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.causes.cause import Cause, Found
from harness.causes.facts import Facts
from harness.text import beginning, one_line

_COLD = "guest.cold_boot_is_healthy_in_time"
_SHOWN = 200
_REBUILD = "rebuild: ./scripts/build-golden-snapshot-complete.sh browser"


_LOGIN = re.compile(r"^\S+ login:")
_EMERGENCY = r"[Ee]mergency [Mm]ode|emergency\.target|[Rr]escue [Mm]ode|rescue\.target"


def _line(pattern: str) -> Callable[[Facts], Found | None]:
    """Met where a line of the console matches, which is the evidence."""
    wanted = re.compile(pattern)

    def met(facts: Facts) -> Found | None:
        found = next((line for line in facts.console or () if wanted.search(line)), None)
        return Found(f"the console says {one_line(beginning(found.strip(), _SHOWN))!r}") if found else None

    return met


def _goes_on(facts: Facts) -> bool:
    """Whether the boot has come to where somebody is let in; in emergency mode an sshd may listen yet."""
    if _line(_EMERGENCY)(facts):
        return False
    answers = (facts.hops.agent, facts.hops.ssh) if facts.hops else ()
    return any(_LOGIN.search(line) for line in facts.console or ()) or any(
        one is not None and one.connected for one in answers
    )


def _row(name: str, means: str, pattern: str, how: str, *, fatal: bool = True) -> Cause:
    """:param fatal: False: many a boot goes on behind such a line, and then it is no cause."""
    line = _line(pattern)

    def met(facts: Facts) -> Found | None:
        return line(facts) if fatal or not _goes_on(facts) else None

    return Cause(f"boot.{name}", means, "the console", 5, how, _COLD, met)


ROWS = (
    _row(
        "initrd_damaged",
        "the initial RAM disk cannot be unpacked, so the kernel has no drivers for its disk",
        r"Initramfs unpacking failed|initramfs: .*(?:junk|broken padding)|uncompression error",
        _REBUILD,
        fatal=False,
    ),
    _row(
        "no_root_device",
        "the kernel finds no root file system",
        r"Unable to mount root fs|Cannot open root device|cannot mount /dev/\w+|ALERT! .* does not exist",
        "correct root= in snapshot.boot_args, or give the VM its disk; else " + _REBUILD,
    ),
    _row(
        "no_memory_to_boot",
        "the VM has too little memory for its kernel",
        r"System is deadlocked on memory|not syncing: Out of memory|Out of memory and no killable processes",
        "give the VM more memory: snapshot.memory_mib, and the controller's own setting",
    ),
    _row(
        "kernel_panic",
        "the kernel has panicked",
        r"Kernel panic - not syncing",
        "read the console above the panic; mend the kernel, its arguments or the image; " + _REBUILD,
    ),
    _row(
        "device_missing",
        "the boot waits for a device that is not there",
        r"(?:Timed out waiting for device|Dependency failed for) .*(?:/dev/|\.device|/\w)",
        "take the device out of /etc/fstab in the image, or mark it nofail; " + _REBUILD,
        fatal=False,
    ),
    _row(
        "emergency_mode",
        "the guest has stopped in emergency or rescue mode",
        _EMERGENCY,
        "read what failed above it in the console, mend the image; " + _REBUILD,
    ),
    _row(
        "out_of_memory",
        "the guest's kernel has killed processes for want of memory",
        r"(?<!cgroup )[Oo]ut of memory: Kill",
        "give the VM more memory, or mend what takes it: the console names the process",
    ),
    _row(
        "disk_error",
        "the guest's disk or its file system is in trouble",
        r"EXT4-fs error|EXT4-fs \(\S+\): (?!.*Opts:).*(?:error|[Rr]emounting)|Buffer I/O error"
        r"|blk_update_request: I/O|I/O error, dev|Aborting journal",
        "look at the host's disk (df, dmesg), then " + _REBUILD,
    ),
)
