"""A line below what pytest writes on a terminal: it is gone when pytest writes on, and leaves no trace."""

from __future__ import annotations

import os
import re
import threading
from typing import Any

from rich.cells import cell_len, set_cell_size

from harness.text import uncoloured

_ERASE = "\x1b[J"
"""From the cursor to the end of the screen: the cursor always stands where pytest left it."""
_LINE_ENDS = re.compile(r"[\r\n]")


class Below:
    """pytest's stream, and what is shown below its last line.

    That goes to ``file``, another descriptor of the same terminal: while a test runs, pytest has the usual
    one lead elsewhere, to capture what the test prints.
    """

    def __init__(self, stream: Any, file: int) -> None:
        self._stream = stream
        self._file = file
        self._lock = threading.RLock()
        self._line = ""
        """What pytest has written of a line that it has not ended."""
        self._shown = False
        self._over = False

    @property
    def is_terminal(self) -> bool:
        """Whether a cursor can be moved there."""
        return os.isatty(self._file) and os.environ.get("TERM", "dumb") != "dumb"

    def __getattr__(self, name: str) -> Any:
        """All else is the stream's."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """pytest writes: the way is clear, and what it writes has arrived when this returns."""
        with self._lock:
            self.clear()
            self._stream.write(text)
            self._stream.flush()
            head, *ends = _LINE_ENDS.split(uncoloured(text))
            self._line = ends[-1] if ends else self._line + head
        return len(text)

    def show(self, text: str) -> None:
        """Have this stand below, on a terminal, instead of what does."""
        with self._lock:
            columns, at = _columns(self._file), cell_len(self._line)
            if at >= columns:
                return  # it was broken, and nobody knows where the cursor is
            shown = set_cell_size(text, min(cell_len(text), columns - 1))
            back = f"\x1b[A\x1b[{at + 1}G" if at else "\r"
            self._put(f"{_ERASE}{_NEXT if at else ''}{shown}{back}")
            self._shown = True

    def tell(self, text: str) -> None:
        """Have this stand as a line of its own, and stay."""
        with self._lock:
            self._put(f"{_END if self._line else ''}{text}{_END}")
            self._line = ""

    def clear(self) -> None:
        """Nothing stands below any more."""
        with self._lock:
            if self._shown:
                self._put(_ERASE)
                self._shown = False

    def close(self) -> None:
        """Nothing stands below, and nothing will."""
        with self._lock:
            self.clear()
            if not self._over:
                self._over = True
                os.close(self._file)

    def _put(self, text: str) -> None:
        if self._over:
            return
        try:
            os.write(self._file, text.encode("ascii", "replace"))
        except OSError:  # the reader has gone, as ``| head`` does
            self._over = True
            os.close(self._file)


_NEXT, _END = "\r\n", "\n"


def _columns(file: int) -> int:
    try:
        return os.get_terminal_size(file).columns
    except OSError:
        return 0
