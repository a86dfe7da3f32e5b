"""Chooses between KVM and emulation, and says what a kernel must be told for either.

A machine may offer /dev/kvm, let it be opened and a virtual machine be made, and yet run no kernel in it; or
it interprets kernels instruction by instruction, so that one prints its first lines at once and comes up in
minutes. So KVM is used only after the very kernel that is to be booted has been seen to come up under it,
until it misses a root disk, within a deadline. What was found is kept until the host's next boot.
"""

import hashlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from lab.vmm.logger import Logger

KVM = Path("/dev/kvm")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
FINDINGS = Path("/run/firecracker-kvm-probe")
DEADLINE = 5.0
LOOKS = 20
CAME_UP = b"Kernel panic - not syncing: VFS"  # the end of a kernel that has come up and finds no root disk


def choose(kernel: str, log: Logger) -> str:
    """``kvm`` where this kernel has been seen to come up under it, else ``tcg``."""
    if not os.access(KVM, os.R_OK | os.W_OK):
        return "tcg"
    finding = FINDINGS / _key(kernel)
    try:
        return "kvm" if finding.read_text() == "kvm" else "tcg"
    except OSError:  # not looked at yet since the host booted
        accel = "kvm" if _comes_up(kernel) else "tcg"
    log.info(
        f"KVM probe: the kernel {'comes' if accel == 'kvm' else 'does not come'} up under KVM; using {accel}."
    )
    _keep(finding, accel, log)
    return accel


def _key(kernel: str) -> str:
    found = Path(kernel).stat()
    text = f"{BOOT_ID.read_text().strip()} {found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _keep(finding: Path, accel: str, log: Logger) -> None:
    part = finding.with_suffix(f".{os.getpid()}")
    try:
        finding.parent.mkdir(mode=0o700, exist_ok=True)
        part.write_text(accel)
        part.replace(finding)
    except OSError as error:
        log.warning(f"KVM probe: {finding} cannot be written ({error.strerror}): the next start looks again.")


def _comes_up(kernel: str) -> bool:
    from lab.vmm.qemu.process import PROGRAM
    from lab.vmm.qemu.spawn import spawn

    ours, serial = socket.socketpair()
    stderr = os.memfd_create("probe-stderr")
    # fmt: off
    argv = [
        PROGRAM, "-M", "microvm,acpi=on,rtc=on", "-accel", "kvm", "-cpu", "host", "-m", "256M",
        "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
        "-chardev", f"socket,id=serial,fd={serial.fileno()}", "-serial", "chardev:serial",
        "-kernel", kernel, "-append", "console=ttyS0 earlyprintk=ttyS0 panic=-1",
    ]
    # fmt: on
    pid = spawn(argv, inherit=[serial.fileno()], stderr=stderr)
    serial.close()
    os.close(stderr)
    try:
        return _is_said(ours, CAME_UP, time.monotonic() + DEADLINE)
    finally:
        ours.close()
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def _is_said(sock: socket.socket, words: bytes, deadline: float) -> bool:
    seen = b""
    while words not in seen:
        sock.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            data = sock.recv(4096)
        except TimeoutError:
            return False
        if not data:
            return False
        seen += data
    return True


def cmdline(accel: str) -> str:
    """What the kernel must be told of this machine, after the client's own words: the last word counts.

    There is no keyboard controller, so ``reboot=k`` would end in a jump into the firmware; ACPI has a
    reset register. Under emulation the guest's TSC is the host's. The kernel measures it against an
    emulated timer at its start, and on a busy host that goes wrong: now and then it never gets past it.
    So it is told.
    """
    words = " reboot=a"
    return words if accel != "tcg" else f"{words} tsc_early_khz={tsc_khz()} tsc=reliable"


def tsc_khz(seconds: float = 0.05) -> int:
    """The frequency of this processor's time stamp counter, measured against the system's clock."""
    import ctypes
    import mmap

    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("0f3148c1e2204809d0c3"))  # rdtsc; shl rdx,32; or rax,rdx; ret
    rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))

    def both() -> tuple[int, int, int]:
        return time.monotonic_ns(), rdtsc(), time.monotonic_ns()

    first, began = _undisturbed(both)
    time.sleep(seconds)
    last, ended = _undisturbed(both)
    return round((last - first) * 1e6 / (ended - began))


def _undisturbed(look: Callable[[], tuple[int, int, int]]) -> tuple[int, float]:
    """The quickest of some looks: in the others this process may have had to wait for a processor."""
    before, ticks, after = min((look() for _ in range(LOOKS)), key=lambda seen: seen[2] - seen[0])
    return ticks, (before + after) / 2
