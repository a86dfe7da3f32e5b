"""Chooses between KVM and emulation, and says what a kernel must be told for either."""

from lab.vmm.logger import Logger


def choose(kernel: str, log: Logger) -> str:
    """``kvm`` where a guest has been seen to run under it, else ``tcg``."""
    return "tcg"


def cmdline(accel: str) -> str:
    """What the kernel needs to know of its clock.

    Under emulation the guest's TSC is the host's. The kernel measures it against an emulated timer at
    its start, and on a busy host that goes wrong: now and then it never gets past it. So it is told.
    """
    if accel != "tcg":
        return ""
    return f" tsc_early_khz={tsc_khz()} tsc=reliable"


def tsc_khz(seconds: float = 0.05) -> int:
    """The frequency of this processor's time stamp counter, measured against the system's clock."""
    import ctypes
    import mmap
    import time

    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("0f3148c1e2204809d0c3"))  # rdtsc; shl rdx,32; or rax,rdx; ret
    rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))

    def both() -> tuple[int, float]:
        before = time.monotonic_ns()
        ticks = rdtsc()
        return ticks, (before + time.monotonic_ns()) / 2

    both()  # the first call is slower: it binds the function
    first, began = both()
    time.sleep(seconds)
    last, ended = both()
    return round((last - first) * 1e6 / (ended - began))
