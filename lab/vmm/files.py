"""Files that a client names: what they are is looked at before they are opened, and none is waited for."""

import errno
import os
import stat

STDOUT = 1


def open_regular(path: str, flags: int, *, or_disk: bool = False) -> int:
    """Open a regular file, or a block device where one will do; OSError where it is missing or anything else.

    To open a FIFO is to wait for its other end, and to open a device may set it going: so neither is tried.
    """
    found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        mode = os.fstat(found).st_mode
        if not (stat.S_ISREG(mode) or (or_disk and stat.S_ISBLK(mode))):
            wanted = "regular file or block device" if or_disk else "regular file"
            raise OSError(errno.EINVAL, f"Not a {wanted}", path)
        return os.open(f"/proc/self/fd/{found}", flags | os.O_CLOEXEC)
    finally:
        os.close(found)


def open_output(path: str, *, instead_of: int = STDOUT) -> int:
    """A log, metrics or console file, opened as Firecracker does: created if absent, never truncated.

    What was written to until now is closed, but for stdout.
    """
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    if instead_of != STDOUT:
        os.close(instead_of)
    return opened
