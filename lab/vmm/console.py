"""The guest's serial console: QEMU's end of a socket on one side, stdout or a file on the other."""

import os
import stat

from lab.vmm.files import STDOUT, open_output
from lab.vmm.metrics import Metrics

CHUNK = 65536


class Console:
    """Carries the guest's output out, and stdin in where stdin is a terminal or a pipe."""

    def __init__(self, metrics: Metrics) -> None:
        self._out = STDOUT
        self._metrics = metrics
        self.wants_stdin = _is_interactive(0)
        if stat.S_ISFIFO(os.fstat(1).st_mode):
            os.set_blocking(1, False)  # a full pipe must not stop us: bytes are dropped and counted

    def redirect(self, path: str) -> None:
        """Write to a file instead of stdout; stdin is then not read either."""
        self._out = open_output(path, instead_of=self._out)
        self.wants_stdin = False

    def write(self, data: bytes) -> None:
        """Pass on what the guest wrote; what cannot be taken is dropped, the guest never waits."""
        while data:
            try:
                written = os.write(self._out, data)
            except OSError:
                self._metrics.add("uart", "missed_write_count", len(data))
                return
            self._metrics.add("uart", "write_count", written)
            data = data[written:]


def _is_interactive(fd: int) -> bool:
    try:
        return os.isatty(fd) or stat.S_ISFIFO(os.fstat(fd).st_mode)
    except OSError:  # closed by whoever started us
        return False
